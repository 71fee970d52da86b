"""The tests' own instruments: were they blind, every other test here would pass in vain."""

import collections
import unittest

from support import NOW, Workspace, dovecot, folder_name, main, make_mail, sha256


class HarnessTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.work = Workspace({"alice": 60, "bob": 0})
        cls.addClassCleanup(cls.work.close)

    def files(self):
        owner = self.work.boxes["alice"]
        return make_mail.make_mailbox("Owner of alice", owner, 60, NOW)

    def test_the_server_hands_out_the_very_bytes_of_the_maildirs(self):
        expected = collections.Counter(("alice", mail.folder, sha256(mail.raw))
                                       for mail in self.files())
        found = self.work.on_server()
        self.assertEqual(expected, collections.Counter(
            {key: count for key, count in found.items() if key[0] == "alice"}))

    def test_every_folder_of_the_demo_is_filled(self):
        folders = {folder for _, folder, _ in self.work.on_server()}
        self.assertLessEqual({"INBOX", "Sent", "Archive/2025", "Projekte/Büro", "Drafts", "Junk"},
                             folders)

    def test_equal_arguments_make_equal_mail(self):
        self.assertEqual([mail.raw for mail in self.files()], [mail.raw for mail in self.files()])

    def test_folder_names_survive_the_modified_utf7(self):
        for name in ("INBOX", "Projekte/Büro", "R&D", "日本語", "a&b ü/c"):
            self.assertEqual(name, folder_name(make_mail.modified_utf7(name)))

    def test_an_appended_message_appears(self):
        before = self.work.on_server()
        raw = b"Subject: appended\r\n\r\nbody\r\n"
        self.work.append("bob", raw)
        added = self.work.on_server() - before
        self.assertEqual({("bob", "INBOX", sha256(raw)): 1}, dict(added))

    def test_a_second_server_gets_ports_of_its_own(self):
        with dovecot.PrivateDovecot(self.work.folder / "second", {"x@y.example": "z"}) as second:
            ports = {second.imap_port, second.imaps_port, self.work.server.imap_port,
                     self.work.server.imaps_port}
            self.assertEqual(4, len(ports))


if __name__ == "__main__":
    main()
