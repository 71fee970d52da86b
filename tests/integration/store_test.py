"""`mailhaul verify`, `backup` and `restore` on a store of real mail."""

import pathlib
import shutil
import struct

from support import IntegrationTest, main

SEGMENT_HEADER = 4096
BODY_HEADER = struct.Struct(">4sIQ32s")


def middle_of_first_body(segment):
    """The position of its middle byte as it lies there, compressed or not (store/README.md)."""
    magic, compressed, size, _ = BODY_HEADER.unpack_from(segment, SEGMENT_HEADER)
    length = compressed if magic == b"MHKZ" else size
    return SEGMENT_HEADER + BODY_HEADER.size + length // 2


class StoreTest(IntegrationTest):

    counts = {"alice": 60, "bob": 22}

    def setUp(self):
        super().setUp()
        self.work.collect_json()

    def backup(self, name, expected_code=0):
        target = self.work.folder / name
        done = self.work.run("backup", "-c", self.work.configuration, "--output", target)
        self.assertEqual(expected_code, done.returncode, done.stdout + done.stderr)
        return target, done

    def restore(self, source, expected_code=0):
        done = self.work.run("restore", "-c", self.work.configuration, "--from", source)
        self.assertEqual(expected_code, done.returncode, done.stdout + done.stderr)
        return done

    def test_verify_tells_what_it_looked_at(self):
        report = self.work.verify()
        self.assertEqual({"sound": True, "tenants": 1, "mailboxes": 2, "problems": 0,
                          "findings": [], "files_checked": True, "log_records_dropped": 0},
                         {key: report[key] for key in
                          ("sound", "tenants", "mailboxes", "problems", "findings",
                           "files_checked", "log_records_dropped")})
        self.assertEqual(self.work.on_server().total(), report["messages"])
        self.assertGreater(report["bodies"], 0)

    def test_verify_names_the_damaged_body(self):
        segment = max(self.work.data.glob("blobs/*.seg"), key=lambda path: path.stat().st_size)
        whole = segment.read_bytes()
        at = middle_of_first_body(whole)
        try:
            segment.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
            report = self.work.verify()
            self.assertEqual(1, report["problems"], report)
            self.assertIn(segment.name, report["findings"][0]["place"])
            done = self.work.run("verify", "-c", self.work.configuration)
            self.assertEqual(3, done.returncode)
            self.assertIn(segment.name, done.stdout)
            self.assert_plain_text(done.stdout + done.stderr)
        finally:
            segment.write_bytes(whole)

    def test_verify_without_a_store_says_so(self):
        shutil.rmtree(self.work.data)
        done = self.work.run("verify", "-c", self.work.configuration)
        self.assertEqual(3, done.returncode)
        self.assertIn(str(self.work.data), done.stderr)

    def test_what_is_restored_is_what_was_backed_up(self):
        expected = self.work.on_server()
        target, _ = self.backup("copy")
        shutil.rmtree(self.work.data)
        self.restore(target)
        self.assert_sound()
        self.assert_store_holds_everything()
        # Nothing is fetched again.
        self.assertEqual(0, self.work.collect_json()["messages"]["fetched"])
        self.assertGreater(expected.total(), 0)

    def test_backup_and_verify_beside_a_running_server(self):
        with self.work.serve():
            target, _ = self.backup("live")
            self.assertEqual([], list(self.work.data.glob("checkpoint-*")))
            self.assert_sound()
        shutil.rmtree(self.work.data)
        self.restore(target)
        self.assert_store_holds_everything()

    def test_nothing_is_overwritten(self):
        target, _ = self.backup("first")
        _, done = self.backup("first", expected_code=2)
        self.assertIn(str(target), done.stderr)
        self.assertIn(str(self.work.data), self.restore(target, expected_code=2).stderr)
        self.assertIn("not a whole backup",
                      self.restore(pathlib.Path("/nonexistent"), expected_code=2).stderr)


if __name__ == "__main__":
    main()
