"""Killed with SIGKILL at every step between a request and its final state: nothing is sent twice,
nothing is lost, and a submission is uncertain only if the end of its message may have gone out.

MAILHAUL_SEND_KILLS says how many kills (default 24), MAILHAUL_SEED repeats a run's choices. The
kills are spread evenly over all steps of an undisturbed submission, its copy in Sent included, and
fall before or after the step; kill_at_step.cc says what a step is. Several programs run side by
side, each with its own store and user, since most of a round is waiting for one to start anew.
"""

import collections
import concurrent.futures
import dataclasses
import http.client
import json
import mmap
import os
import random
import re
import signal
import time
import unittest

from support import BINARY, TENANT, Workspace, config_files, dovecot, main, program, wait_until
from mail_server import fetch_folder, folder_name, list_folders
from smtp_script import ScriptedSmtp

KILLS = int(os.environ.get("MAILHAUL_SEND_KILLS", "24"))
SEED = int(os.environ.get("MAILHAUL_SEED", str(time.time_ns() % 10**9)))
LIBRARY = os.environ.get("KILL_AT_STEP", "")
WORLDS = min(4, KILLS)
PAGE_BYTES, PLACE_OFFSET = 4096, 64
PROVIDER = "name: files\nfiles_sent: true\n"
FINAL = ("sent", "failed", "canceled", "uncertain")
NEVER = 10**9
MEASURED = 7  # Submissions.
END_OF_TEXT = "the last line"
AGAIN_SHARE = 0.2  # Of the kills: followed by another one while the program recovers.
ROUNDS_MAX = 3 * KILLS
GOLDEN_RATIO = (5 ** 0.5 - 1) / 2
# Steps differ a little from run to run; the last places are aimed at too.
STEPS_BEYOND = 1.1
ANSWER_SECONDS_MAX = 60
SETTLE_SECONDS_MAX = 120


@dataclasses.dataclass
class Round:
    """One submission and what was done to it."""
    name: str
    number: str = None  # Its id, once known.
    deaths: list = dataclasses.field(default_factory=list)
    end: str = None  # The state that it came to by itself.
    known: bool = False  # The reply may have been stored: the session was ended in order.
    taken: bool = False  # Of an uncertain one: the server had it all the same.
    answered: int = 0  # Deaths after the client had its 202.

    def recipient(self):
        return f"{self.name}@else.example"


class World:
    """A program with its own store, a user of the shared Dovecot, and a server to send to."""

    def __init__(self, work, box, number):
        self.work, self.box, self.chance = work, box, random.Random(f"{SEED} {number}")
        # Every other provider files what is sent in Sent by itself, before it answers.
        self.provider_files = number % 2 == 1
        self.folder = work.folder / f"world-{box}"
        self.http_port = dovecot.free_ports(1)[0]
        self.smtp = ScriptedSmtp(self.on_taken)
        self.smtp.__enter__()
        self.page_file = self.folder / "page"
        self.folder.mkdir()
        self.page_file.write_bytes(bytes(PAGE_BYTES))
        with open(self.page_file, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), PAGE_BYTES)
        tenant = config_files.Tenant(TENANT, work.token, [work.mailbox(box)],
                                     freshness=("1h", "1h", "1h"))
        main_file = config_files.main_yaml(http_port=self.http_port, ca_file=work.server.ca_file,
                                           data_dir=self.folder / "data")
        (self.folder / "provider.yaml").write_text(PROVIDER)
        self.configuration = config_files.write_configuration(
            self.folder, main_file + "providers: [provider.yaml]\n", [tenant])
        path = self.folder / "tenants" / f"{TENANT}.yaml"
        text = path.read_text()
        if self.provider_files:
            text = text.replace("source: {", "source: {provider: files, ")
        path.write_text(f"{text}    submission: {{host: localhost, port: {self.smtp.port}, "
                        "security: plaintext}\n")
        self.server = None
        self.rounds, self.steps = [], 0  # Of the last one that lived.

    def on_taken(self, transaction):
        if self.provider_files:
            self.work.append(self.box, transaction.content, "Sent")

    def close(self):
        if self.server is not None:
            self.server.stop()
        self.smtp.__exit__()

    def start(self):
        if self.server is None or self.server.process.poll() is not None:
            environment = {**os.environ, "LD_PRELOAD": LIBRARY,
                           "KILL_AT_STEP_PAGE": str(self.page_file)}
            self.server = program.Server(BINARY, self.configuration, self.http_port,
                                         self.folder / "serve.log", environment)
            self.server.start()

    def place(self):
        return self.page[PLACE_OFFSET:PAGE_BYTES].split(b"\0")[0].decode()

    def ask(self, method, path, fields=None, body=None):
        """(status, object), or None when the program died before it answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port,
                                                timeout=ANSWER_SECONDS_MAX)
        try:
            connection.request(method, path, body, {
                "Authorization": f"Bearer {self.work.token}", **(fields or {})})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (http.client.HTTPException, ConnectionError, json.JSONDecodeError):
            return None
        finally:
            connection.close()

    def submit(self, round_, dies_at=None):
        body = json.dumps({"mailbox": self.box, "to": [round_.recipient()],
                           "subject": round_.name, "text": f"hello\n.\n{END_OF_TEXT}\n"})
        fields = {"Idempotency-Key": round_.name, "Content-Type": "application/json"}
        if dies_at is not None:
            fields["X-Die-At"] = f"{dies_at} {self.chance.choice(['before', 'after'])}"
        answer = self.ask("POST", "/v1/submissions", fields, body.encode())
        if answer is not None:
            if answer[0] != 202:
                raise AssertionError(f"the submission is refused: {answer}")
            if round_.number not in (None, answer[1]["id"]):
                raise AssertionError(f"one key, two submissions: {round_.number}, {answer[1]}")
            round_.number = answer[1]["id"]
        return answer is not None

    def state(self, round_):
        answer = self.ask("GET", f"/v1/submissions/{round_.number}")
        if answer is None:
            return None
        if answer[0] != 200:
            raise AssertionError(f"{round_.name} was accepted, and is lost: {answer}")
        return answer[1]

    def is_over(self, round_):
        told = self.state(round_)
        if told is None or told["state"] not in FINAL or told["sent_copy"] == "pending":
            return None
        # Where it lies in Sent, one look settles it, or the next one.
        settles = (told["state"] == "uncertain" and self.provider_files
                   and self.smtp.taken(round_.recipient()))
        return None if settles else told

    def is_dead(self):
        return self.server.process.poll() is not None

    def run(self, name, aims):
        """One submission, killed at each of `aims` as long as it lives so long."""
        round_ = Round(name)
        self.rounds.append(round_)
        self.smtp.chunking = self.chance.random() < 0.5
        for aim in aims:
            self.start()
            answered = self.submit(round_, aim)
            wait_until(lambda: self.is_dead() or (round_.number and self.is_over(round_)),
                       f"the end of {name}", SETTLE_SECONDS_MAX)
            if not self.is_dead():
                self.steps = int.from_bytes(self.page[:8], "little")
                break
            self.note_death(round_, answered)
        while not self.is_over_undisturbed(round_):
            self.note_death(round_, False)
        told = self.state(round_)
        round_.end = told["state"]
        if round_.end == "uncertain":
            self.settle(round_)
        return round_

    def is_over_undisturbed(self, round_):
        """A count may still run; it is called off. False if it was over before that."""
        self.start()
        if not self.submit(round_, NEVER):
            return False
        return wait_until(lambda: self.is_over(round_), f"the end of {round_.name}",
                          SETTLE_SECONDS_MAX)

    def note_death(self, round_, answered):
        code = self.server.process.wait()
        if code != -signal.SIGKILL:
            raise AssertionError(f"ended by {code}:\n{self.server.log_tail()}")
        round_.deaths.append(self.place())
        round_.answered += answered
        round_.known = round_.known or any(
            session.ended_in_order() for session, _ in
            self.smtp.transactions(round_.recipient()))

    def settle(self, round_):
        """Its user looks whether the recipient has it, and has it sent again, or lets it be."""
        path = f"/v1/submissions/{round_.number}"
        round_.taken = bool(self.smtp.taken(round_.recipient()))
        answer = self.ask("DELETE", path) if round_.taken else self.ask("POST", path + "/retry")
        if answer is None or answer[0] not in (200, 202):
            raise AssertionError(f"not settled: {answer}")
        wait_until(lambda: self.state(round_)["state"] != "uncertain" and self.is_over(round_),
                   f"the end of {round_.name} after its user's word")


class SendKillTest(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.work = Workspace({f"user{number}": 2 for number in range(WORLDS)})
        cls.addClassCleanup(cls.work.close)
        for address in cls.work.server.users:
            cls.work.server.create(address, "Sent")
        cls.worlds = []
        for number, box in enumerate(cls.work.boxes):
            world = World(cls.work, box, number)
            cls.addClassCleanup(world.close)
            cls.worlds.append(world)

    def undisturbed_steps(self):
        """Of one submission in the middle: the first finds some things for the first time, and
        what runs beside it adds steps to any."""
        world, counts = self.worlds[0], []
        for number in range(MEASURED):
            world.start()
            world.run(f"measured-{number}", [NEVER])
            counts.append(world.steps)
        return sorted(counts)[MEASURED // 2]

    def work_off(self, world, steps, share):
        kills, rounds, place = 0, 0, world.chance.random()
        while kills < share and rounds < ROUNDS_MAX:
            # Multiples of the golden ratio lie evenly, however many of them hit.
            place = (place + GOLDEN_RATIO) % 1
            aims = [1 + int(steps * STEPS_BEYOND * place)]
            while world.chance.random() < AGAIN_SHARE and kills + len(aims) < share:
                aims.append(world.chance.randint(1, steps))
            kills += len(world.run(f"{world.box}-{rounds}", aims).deaths)
            rounds += 1
        world.server.stop()  # It would end with this thread (dovecot.die_with_parent).
        return kills

    def check_round(self, world, round_, copies):
        self.assertEqual(1, len(world.smtp.taken(round_.recipient())),
                         f"times sent: {round_}")
        if round_.end == "uncertain":
            # DATA: all but the dot had arrived. BDAT: with the last chunk goes the whole message.
            begun = [each for _, each in world.smtp.transactions(round_.recipient())
                     if each.whole or not each.content or END_OF_TEXT.encode() in each.content]
            self.assertTrue(begun, f"uncertain before the end of the message: {round_}")
            self.assertFalse(round_.known, f"uncertain after the reply: {round_}")
            self.assertFalse(round_.taken and world.provider_files, f"it lies in Sent: {round_}")
        final = world.state(round_)["state"]
        self.assertIn(final, ("sent", "canceled"), round_)
        self.assertTrue(final == "sent" or round_.end == "uncertain", round_)
        self.assertEqual(1 if final == "sent" else 0, copies[round_.name],
                         f"copies in Sent: {round_}")

    def check_world(self, world):
        world.start()
        in_sent = [raw for folder, raw in self.raw_mails(world.box) if folder == "Sent"]
        copies = collections.Counter(
            found[1].decode() for raw in in_sent
            if (found := re.search(rb"^Subject: ([^\r\n]*)", raw, re.MULTILINE)))
        for round_ in world.rounds:
            with self.subTest(round=round_.name):
                self.check_round(world, round_, copies)
        world.server.stop()
        audit = self.work.run("verify", "-c", world.configuration, "--json")
        self.assertTrue(json.loads(audit.stdout)["sound"], audit.stdout)

    def raw_mails(self, box):
        with self.work.server.session(self.work.boxes[box]) as connection:
            return [(folder_name(encoded, delimiter), raw)
                    for encoded, delimiter in list_folders(connection)
                    for _, raw in fetch_folder(connection, encoded)]

    def report(self, steps, seconds):
        rounds = [round_ for world in self.worlds for round_ in world.rounds]
        deaths = [death for round_ in rounds for death in round_.deaths]
        uncertain = [round_ for round_ in rounds if round_.end == "uncertain"]
        calls = collections.Counter(" ".join(death.split(",")[0].split()[1:3]) for death in deaths)
        print(f"{len(deaths)} kills of {len(rounds)} submissions in {seconds:.0f} s; "
              f"{steps} steps of an undisturbed one, "
              f"{len({death.split('step ')[1] for death in deaths})} of them hit; "
              f"{sum(round_.answered for round_ in rounds)} kills after the answer to the client; "
              f"{len(uncertain)} uncertain, "
              f"{sum(round_.taken for round_ in uncertain)} of which the server had; "
              f"by call: {dict(calls.most_common())}", flush=True)

    def test_never_twice_never_lost_wherever_it_dies(self):
        print(f"MAILHAUL_SEED={SEED} MAILHAUL_SEND_KILLS={KILLS}", flush=True)
        started = time.monotonic()
        steps = self.undisturbed_steps()
        self.assertGreater(steps, 50)
        shares = [len(range(number, KILLS, WORLDS)) for number in range(WORLDS)]
        with concurrent.futures.ThreadPoolExecutor(WORLDS) as pool:
            kills = list(pool.map(self.work_off, self.worlds, [steps] * WORLDS, shares))
        for world in self.worlds:
            self.check_world(world)
        self.report(steps, time.monotonic() - started)
        self.assertGreaterEqual(sum(kills), KILLS)


if __name__ == "__main__":
    main()
