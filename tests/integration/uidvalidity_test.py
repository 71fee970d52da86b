"""The server renumbers its messages: ids stay, nothing is shown twice."""

from support import IntegrationTest, main, sha256


class UidValidityTest(IntegrationTest):

    counts = {"alice": 45}

    def uid_validity(self):
        connection = self.work.server.connect(self.work.boxes["alice"])
        try:
            return connection.status("INBOX", "(UIDVALIDITY)")[1]
        finally:
            connection.logout()

    def renumber(self):
        """Without its list of UIDs and its indexes, Dovecot starts anew, as after a restore."""
        before = self.uid_validity()
        maildir = self.work.server.maildir(self.work.boxes["alice"])
        self.work.server.stop()
        for path in maildir.rglob("dovecot*"):
            if path.is_file():
                path.unlink()
        self.work.server.start()
        self.work.configuration = self.work.configure()
        self.assertNotEqual(before, self.uid_validity())

    def placements(self):
        """Every message as (folder, SHA-256) with its id; equal ones keep all their ids."""
        with self.work.serve():
            api = self.work.api()
            return sorted((item["folder"], sha256(api.raw(item["id"])), item["id"])
                          for item in api.all("/v1/messages"))

    def test_ids_stay_and_nothing_is_doubled(self):
        self.work.collect_json()
        before = self.placements()
        self.assertGreater(len(before), 40)
        self.renumber()
        summary = self.work.collect_json()
        self.assertEqual(1, summary["mailboxes"]["complete"])
        self.assertEqual((0, 0), (summary["messages"]["fetched"], summary["bytes"]["fetched"]),
                         "known messages were downloaded again")
        self.assertEqual(before, self.placements())
        self.assert_store_holds_everything()

    def test_a_message_that_came_with_the_renumbering_is_found(self):
        self.work.collect_json()
        self.renumber()
        self.work.append("alice", b"Subject: after the restore\r\n\r\nnew\r\n")
        self.assertEqual(1, self.work.collect_json()["messages"]["fetched"])
        self.assert_store_holds_everything()
        self.assertEqual(0, self.work.collect_json()["messages"]["fetched"])


if __name__ == "__main__":
    main()
