"""`mailhaul export`: what comes out is what the server held, byte for byte."""

import base64
import collections
import json
import mailbox
import re

from support import IntegrationTest, main, sha256
from mail_server import fetch_folder, list_folders


def as_lines(raw):
    """What mbox can keep of a message: its lines, ended by LF, the last one too."""
    text = raw.replace(b"\r\n", b"\n")
    return text if text.endswith(b"\n") or not text else text + b"\n"


def split_mbox(data):
    """The messages of an mboxrd file: each after a "From " line and before an empty line, with
    one ">" taken off its quoted lines."""
    pieces = re.split(rb"(?m)^From [^\n]*\n", data)
    assert pieces[0] == b"", pieces[0][:80]
    assert all(piece.endswith(b"\n\n") for piece in pieces[1:])
    return [re.sub(rb"(?m)^>(>*From )", rb"\1", piece[:-1]) for piece in pieces[1:]]


class ExportTest(IntegrationTest):

    counts = {"alice": 60, "bob": 22}

    def setUp(self):
        super().setUp()
        self.work.collect_json()

    def raws_on_server(self):
        with self.work.server.session(self.work.boxes["alice"]) as connection:
            return [raw for encoded, _ in list_folders(connection)
                    for _, raw in fetch_folder(connection, encoded)]

    def export(self, form, name):
        target = self.work.folder / name
        done = self.work.run("export", "-c", self.work.configuration, "--mailbox", "acme/alice",
                             form, "--output", target)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return target

    def assert_exported(self, expected, found):
        self.assertEqual(60, len(expected))
        self.assert_same_messages(collections.Counter(map(sha256, expected)),
                                  collections.Counter(map(sha256, found)))

    def test_mbox_keeps_every_line(self):
        file = self.export("--mbox", "out.mbox")
        self.assert_exported(list(map(as_lines, self.raws_on_server())),
                             split_mbox(file.read_bytes()))

    def test_json_lines_hold_the_very_bytes(self):
        file = self.export("--jsonl", "out.jsonl")
        lines = [json.loads(line) for line in file.read_text().split("\n")[:-1]]
        for line in lines:
            self.assertEqual("alice", line["mailbox"])
            self.assertTrue(line["folder"])
            self.assertEqual(line["sha256"], sha256(base64.b64decode(line["raw_base64"])))
        self.assertEqual(len(lines), len({line["id"] for line in lines}))
        self.assert_exported(self.raws_on_server(),
                             [base64.b64decode(line["raw_base64"]) for line in lines])

    def test_maildir_has_folders_flags_and_dates(self):
        with self.work.server.session(self.work.boxes["alice"]) as connection:
            for answer, text in (
                    connection.create("Projects/2024-Q1"),
                    connection.append("Projects/2024-Q1", "(\\Seen \\Flagged)",
                                      '"17-Jul-1996 02:44:25 +0000"',
                                      b"Subject: filed\r\n\r\nx\r\n")):
                self.assertEqual("OK", answer, text)
        self.addCleanup(self.remove_project)
        self.work.collect_json()
        folder = self.export("--maildir", "out.maildir")
        files = list(folder.glob("**/cur/*"))
        expected = self.raws_on_server()
        self.assertEqual(61, len(files))
        self.assert_same_messages(collections.Counter(map(sha256, expected)),
                                  collections.Counter(sha256(file.read_bytes())
                                                      for file in files))
        filed, = folder.glob(".Projects.2024-Q1/cur/*")
        self.assertTrue(filed.name.endswith(":2,FS"), filed.name)
        self.assertEqual(837571465, int(filed.stat().st_mtime))
        self.assertTrue((folder / "new").is_dir() and (folder / "tmp").is_dir())
        box = mailbox.Maildir(folder, create=False)
        self.assertIn("Projects.2024-Q1", box.list_folders())

    def remove_project(self):
        with self.work.server.session(self.work.boxes["alice"]) as connection:
            connection.delete("Projects/2024-Q1")

    def test_it_works_beside_a_running_server(self):
        with self.work.serve():
            file = self.export("--jsonl", "beside.jsonl")
        self.assertEqual(60, len(file.read_text().split("\n")[:-1]))

    def test_an_existing_file_is_not_overwritten(self):
        target = self.work.folder / "precious"
        target.write_text("mine")
        done = self.work.run("export", "-c", self.work.configuration, "--mailbox", "acme/alice",
                             "--mbox", "--output", target)
        self.assertNotEqual(0, done.returncode)
        self.assertIn(str(target), done.stderr)
        self.assertEqual("mine", target.read_text())

    def test_an_unknown_mailbox_is_named(self):
        done = self.work.run("export", "-c", self.work.configuration, "--mailbox", "acme/nobody",
                             "--mbox", "--output", self.work.folder / "none.mbox")
        self.assertNotEqual(0, done.returncode)
        self.assertIn("acme/nobody", done.stderr)


if __name__ == "__main__":
    main()
