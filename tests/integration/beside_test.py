"""Commands that only read, beside a `collect` that writes: they answer, and take nothing away."""

import subprocess

from support import BINARY, IntegrationTest, main


class BesideTest(IntegrationTest):

    counts = {"alice": 1500, "bob": 1000}

    def read_as_long_as_it_runs(self, collect):
        """Each reading command again and again, three at a time; how often each was done."""
        commands = {
            "status": ["status", "--json"],
            "plan": ["plan", "--json"],
            "export": ["export", "--mailbox", "acme/alice", "--jsonl"]}
        rounds, codes = 0, {name: set() for name in commands}
        while collect.poll() is None:
            running = {name: subprocess.Popen(
                [str(BINARY), arguments[0], "-c", str(self.work.configuration), *arguments[1:]],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for name, arguments in commands.items()}
            for name, process in running.items():
                codes[name].add(process.wait(timeout=60))
            rounds += 1
        return rounds, codes

    def test_readers_beside_a_collect_take_nothing_away(self):
        expected = self.work.on_server()
        with subprocess.Popen(
                [str(BINARY), "collect", "-c", str(self.work.configuration)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL) as collect:
            rounds, codes = self.read_as_long_as_it_runs(collect)
        self.assertEqual(0, collect.returncode)
        self.assertGreater(rounds, 2)
        self.assertIn(0, codes["status"], codes)
        self.assertLessEqual(codes["plan"], {0, 1}, codes)  # 1: the forecast is bad.
        self.assertIn(0, codes["export"], codes)
        report = self.assert_sound()
        self.assertEqual(expected.total(), report["messages"])


if __name__ == "__main__":
    main()
