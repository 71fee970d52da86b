"""Full text search over real mail: what Python's own parser reads in a message finds it."""

import email
import email.policy
import os
import shutil
import signal
import unicodedata
import urllib.parse

from support import IntegrationTest, main, wait_until

NEW = ("From: a@b.example\r\nSubject: =?utf-8?q?=C3=9Cberraschung?=\r\n"
       "Content-Type: text/plain; charset=utf-8\r\n\r\n"
       "Ein einzigartiges zauberwort, 東京都に住む。\r\n").encode()
WORD_LETTERS_MIN = 4  # Shorter ones are in too many messages to tell them apart.
PAGE = 1000


def is_latin(word):
    return all(letter.isalpha() and "LATIN" in unicodedata.name(letter, "") for letter in word)


def words_of(message):
    """Some words of the message's subject and plain text; only of an alphabet with spaces."""
    texts = [str(message["subject"] or "")]
    body = message.get_body(("plain",))
    if body is not None:
        try:
            texts.append(body.get_content())
        except (LookupError, UnicodeError):
            pass
    words = []
    for text in texts:
        if "\N{REPLACEMENT CHARACTER}" not in text:
            for word in text.split():
                word = word.strip(".,:;!?()<>\"'")
                if len(word) >= WORD_LETTERS_MIN and is_latin(word):
                    words.append(word)
    return words


class TextTest(IntegrationTest):

    counts = {"alice": 60, "bob": 40}

    def find(self, api, text, **more):
        query = urllib.parse.urlencode({"text": text, "limit": PAGE, **more})
        return {item["id"] for item in api.all(f"/v1/messages?{query}")}

    def indexed(self, api, count):
        """Waits until so many messages are stored, and all of them indexed."""
        def stored():
            return sum(box["messages"] for box in api.all("/v1/mailboxes")) >= count
        wait_until(stored, f"{count} messages")
        newest = api.get("/v1/messages?limit=1&text=x").get("indexed_to")

        def caught_up():
            now = api.get("/v1/messages?limit=1&text=x")["indexed_to"]
            return now is not None and now != newest
        wait_until(caught_up, "the index has caught up")
        # Once more: what was stored while the first look ran.
        newest = api.get("/v1/messages?limit=1&text=x")["indexed_to"]
        wait_until(caught_up, "the index has caught up again")

    def assert_found_by_their_words(self, api):
        looked = 0
        for item in list(api.all("/v1/messages?limit=200")):
            message = email.message_from_bytes(api.raw(item["id"]), policy=email.policy.default)
            for text in words_of(message)[:3]:
                looked += 1
                self.assertIn(item["id"], self.find(api, text), text)
                self.assertIn(item["id"], self.find(api, text.upper(), mailbox=item["mailbox"],
                                                    folder=item["folder"]), text)
        self.assertGreater(looked, 100)
        self.assertEqual(set(), self.find(api, "nowherewritten"))

    def test_mail_is_found_by_its_words_and_new_mail_soon(self):
        self.work.collect_json()
        total = self.work.on_server().total()
        with self.work.serve():
            api = self.work.api()
            self.indexed(api, total)
            self.assert_found_by_their_words(api)
            self.work.append("alice", NEW)
            found = wait_until(lambda: self.find(api, "UBERRASCHUNG zauberwort"), "the new mail")
            self.assertEqual(1, len(found))
            for text in ("東京", "京都", "都", "einzigartiges"):
                self.assertEqual(found, self.find(api, text), text)
            self.assertEqual(set(), self.find(api, "東都"))
            self.assertEqual(set(), self.find(api, "zauberwort", mailbox="bob"))
            code, metrics = api.status_of("/metrics")
            self.assertEqual(200, code)
            self.assertIn('mailhaul_text_building{tenant="acme"} 0', metrics)

    def test_a_killed_server_and_a_lost_index_change_nothing(self):
        self.work.collect_json()
        total = self.work.on_server().total()
        server = self.work.serve()
        with server:
            self.indexed(self.work.api(), total)
            before = self.find(self.work.api(), "the")
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()
        with self.work.serve():
            self.indexed(self.work.api(), total)
            self.assertEqual(before, self.find(self.work.api(), "the"))
        shutil.rmtree(self.work.data / "text")
        with self.work.serve():
            self.indexed(self.work.api(), total)
            self.assertEqual(before, self.find(self.work.api(), "the"))
            index, = (self.work.data / "text").glob("*.sqlite")
            index.write_bytes(b"not a database " * 1000)

            def mended():
                code, _ = self.work.api().status_of("/v1/messages?text=the")
                return code == 200 and self.find(self.work.api(), "the") == before
            wait_until(mended, "the index is built anew")


if __name__ == "__main__":
    main()
