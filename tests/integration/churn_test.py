"""Clients change their mailboxes at random while mailhaul collects; whenever they pause, one more
run makes the store equal to the server, flag for flag, and every message has kept its id.

MAILHAUL_SEED replays a run: it is printed at the start, and with every failure.
"""

import base64
import collections
import contextlib
import dataclasses
import json
import os
import random
import re
import threading

from support import IntegrationTest, main, sha256
from churn_client import ChurnClient  # After support, which sets the path.
from cyrus import PrivateCyrus
from dovecot_server import PLAIN_IMAP, with_capabilities
from mail_server import fetch_folder, folder_name, list_folders, uid_of

SEED = int(os.environ.get("MAILHAUL_SEED", random.randrange(1 << 32)))
ROUNDS = 30 if os.environ.get("MAILHAUL_LONG") == "1" else 6
STEPS = 40  # Of each client, in one round.
MARKS = ("seen", "flagged", "answered", "draft")


@dataclasses.dataclass(frozen=True)
class Placement:
    """A message in a folder. `key`: its UID on the server, its id in the store."""

    box: str
    folder: str
    digest: str
    message_id: str
    marks: frozenset
    key: object

    @property
    def place(self):
        return self.box, self.folder, self.digest


def by(placements, attribute):
    found = collections.defaultdict(list)
    for each in placements:
        found[getattr(each, attribute)].append(each.key)
    return found


def with_marks(placements):
    return collections.Counter((*each.place, *sorted(each.marks)) for each in placements)


def marks_of(connection):
    """{uid: marks} of the open folder."""
    parts = connection.fetch("1:*", "(UID FLAGS)")[1]
    found = {}
    for index, part in enumerate(parts):
        flags = re.search(rb"FLAGS \(([^)]*)\)", part)[1].decode().lower().split()
        found[uid_of([(part,)], 0)] = frozenset(MARKS) & {flag.lstrip("\\") for flag in flags}
    return found


class Churn:
    """The body; the classes at the end choose what the server can do and what becomes of messages
    that are deleted there."""

    counts = {"alice": 0, "bob": 0}
    deletions = "keep"
    # Without CONDSTORE flags are read again when the number of unseen messages changes, and every
    # half hour: longer than a test may take.
    follows_marks = True

    def setUp(self):
        super().setUp()
        print(f"MAILHAUL_SEED={SEED}", flush=True)
        self.work.configuration = self.work.configure(deletions=self.deletions)
        self.clients = [ChurnClient(self.work.server, user,
                                    random.Random(f"{SEED} {type(self).__name__} {user}"))
                        for user in self.work.boxes.values()]
        self.blurred = set()  # Message-IDs whose placements may lawfully be more than one.

    def test_the_store_follows_the_server(self):
        self.churn()
        self.note_what_blurs(quiet=True)
        before = self.checkpoint(f"at the start, MAILHAUL_SEED={SEED}")
        for number in range(ROUNDS):
            meanwhile = (contextlib.nullcontext, self.collecting, self.work.serve)[number % 3]
            with meanwhile():
                self.churn()
            self.note_what_blurs(quiet=number % 3 == 0)
            after = self.checkpoint(f"round {number}, MAILHAUL_SEED={SEED}")
            self.assert_ids_stay(before, after, f"round {number}, MAILHAUL_SEED={SEED}")
            before = after
        self.assertGreater(len(self.blurred), 0)

    def note_what_blurs(self, quiet):
        """A message copied is two. One that moves while a run goes from folder to folder may be
        met in both; then there is no telling it from a copy."""
        for client in self.clients:
            self.blurred |= client.copied if quiet else client.copied | client.moved
            client.copied, client.moved = set(), set()

    def churn(self):
        """All clients work, each on a thread of its own."""
        failures = []

        def work(client):
            try:
                client.run(STEPS)
            except Exception as error:  # pylint: disable=broad-except  (told below)
                failures.append(error)
        threads = [threading.Thread(target=work, args=(client,)) for client in self.clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    @contextlib.contextmanager
    def collecting(self):
        """Runs `collect` again and again until the block ends."""
        done, summaries = threading.Event(), []

        def again():
            while not done.is_set():
                summaries.append(self.work.collect_json())
        thread = threading.Thread(target=again)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
        self.assertEqual([], [each for summary in summaries for each in summary["failures"]])

    def checkpoint(self, what):
        """One run with the clients at rest, and the comparison."""
        self.assertEqual([], self.work.collect_json()["failures"], what)
        server, store = self.on_server(), self.in_store()
        # A message that leaves while its bytes are asked for may be listed without them; one that
        # is there may not.
        alive = {(each.box, each.folder, each.message_id) for each in server}
        self.assertFalse(self.without_bytes & alive, f"{what}: without bytes")
        self.assertEqual(len(store), len({each.key for each in store}), f"{what}: an id twice")
        if not self.follows_marks:
            server, store = ([dataclasses.replace(each, marks=frozenset()) for each in side]
                             for side in (server, store))
        self.compare(with_marks(server), with_marks(store), what)
        for (box, digest), count in self.whole_messages(store).items():
            self.assertEqual(1, count, f"{what}: shown {count} times: {box} {digest}")
        return server, store

    def compare(self, server, store, what):
        lost, extra = server - store, store - server
        if self.deletions == "keep":
            extra.clear()
        if lost or extra:
            self.fail(f"{what}\nlost, or with other flags: {lost.total()} of {server.total()}, "
                      f"as {list(lost)[:3]}\ntoo many: {extra.total()}, as {list(extra)[:3]}")

    def whole_messages(self, placements):
        """How often each is there that was never copied."""
        return collections.Counter((each.box, each.digest) for each in placements
                                   if each.message_id not in self.blurred)

    def assert_ids_stay(self, before, after, what):
        uids, ids = [by(side[0], "place") for side in (before, after)], \
            [by(side[1], "place") for side in (before, after)]
        for place in uids[0].keys() & uids[1].keys():  # Where it was, with the same UID.
            if uids[0][place] == uids[1][place] and len(uids[0][place]) == 1:
                self.assertTrue(set(ids[0][place]) & set(ids[1][place]), f"{what}: kept {place}")
        whole = [{(each.box, each.digest): each.key for each in side[1]
                  if each.message_id not in self.blurred} for side in (before, after)]
        moved = {key for key in whole[0].keys() & whole[1].keys() if whole[0][key] != whole[1][key]}
        self.assertFalse(moved, f"{what}: {len(moved)} of {len(whole[0])} have other ids")

    def on_server(self):
        found = []
        for box, address in self.work.boxes.items():
            with self.work.server.session(address) as connection:
                for encoded, delimiter in list_folders(connection):
                    messages = fetch_folder(connection, encoded)
                    marks = marks_of(connection) if messages else {}
                    for uid, raw in messages:
                        ident = re.search(rb"Message-ID: <(.*)>", raw)[1].decode()
                        found.append(Placement(box, folder_name(encoded, delimiter), sha256(raw),
                                               ident, marks[uid], uid))
        return found

    def in_store(self):
        found, self.without_bytes = [], set()
        for box in self.work.boxes:
            target = self.work.folder / "export.jsonl"
            target.unlink(missing_ok=True)
            done = self.work.run("export", "-c", self.work.configuration, "--mailbox",
                                 f"acme/{box}", "--jsonl", "--output", target)
            self.assertEqual(0, done.returncode, done.stderr)
            for line in target.read_text().split("\n")[:-1]:
                item = json.loads(line)
                if item["raw_base64"] is None:
                    self.without_bytes.add((box, item["folder"], item["message_id"]))
                    continue
                marks = frozenset(mark for mark in MARKS if item[mark])
                found.append(Placement(box, item["folder"],
                                       sha256(base64.b64decode(item["raw_base64"])),
                                       item["message_id"], marks, item["id"]))
        return found


class MirrorTest(Churn, IntegrationTest):
    deletions = "mirror"


class MirrorWithoutQresyncTest(Churn, IntegrationTest):
    deletions = "mirror"
    follows_marks = False
    options = {"settings": with_capabilities(PLAIN_IMAP)}


class KeepTest(Churn, IntegrationTest):
    pass


class KeepWithoutQresyncTest(Churn, IntegrationTest):
    follows_marks = False
    options = {"settings": with_capabilities(PLAIN_IMAP)}


class CyrusMirrorTest(Churn, IntegrationTest):
    deletions = "mirror"
    options = {"server": PrivateCyrus}


if __name__ == "__main__":
    main()
