"""packaging/Containerfile, as far as it can be judged without building it."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTRUCTIONS = {"FROM", "ENV", "RUN", "WORKDIR", "COPY", "LABEL", "USER", "VOLUME", "EXPOSE",
                "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def instructions():
    """[(instruction, its text in one line)], without comments."""
    text = (ROOT / "packaging" / "Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines()]


def stages():
    found = []
    for name, text in instructions():
        if name == "FROM":
            found.append([])
        found[-1].append((name, text))
    return found


def packages_of(text):
    """What an `apt-get install` names, until the next command."""
    words = text.partition("apt-get install")[2].partition("&&")[0].split()
    return [word for word in words if not word.startswith("-") and not word.startswith("/")]


class ContainerfileTest(unittest.TestCase):

    def test_only_known_instructions(self):
        self.assertLessEqual({name for name, _ in instructions()}, INSTRUCTIONS)

    def test_both_stages_begin_with_the_system_that_is_supported(self):
        self.assertEqual(2, len(stages()))
        for stage in stages():
            self.assertRegex(stage[0][1], r"^docker\.io/library/debian:12-slim( AS build)?$")

    def test_what_it_builds_with_is_what_dev_installs(self):
        dev = (ROOT / "dev").read_text(encoding="utf-8")
        known = re.search(r"readonly PACKAGES=\((.*?)\)", dev, re.DOTALL).group(1).split()
        used = [package for name, text in stages()[0] if name == "RUN"
                for package in packages_of(text)]
        self.assertGreater(len(used), 20)
        self.assertEqual(set(), set(used) - set(known))
        # Every library that is linked; clang, servers and what tests run are not needed.
        libraries = {name for name in known if name.startswith("lib") and name.endswith("-dev")}
        self.assertEqual(set(), libraries - set(used) - {"libclang-rt-14-dev"})

    def test_what_runs_is_not_root_and_can_be_stopped_and_watched(self):
        last = stages()[1]
        told = dict(last)
        self.assertEqual("mailhaul:mailhaul", told["USER"])
        self.assertEqual("SIGTERM", told["STOPSIGNAL"])
        self.assertEqual("/var/lib/mailhaul", told["VOLUME"])
        self.assertIn("/healthz", told["HEALTHCHECK"])
        self.assertEqual('["/usr/bin/mailhaul"]', told["ENTRYPOINT"])
        names = [name for name, _ in last]
        self.assertGreater(names.index("USER"), max(i for i, name in enumerate(names)
                                                    if name == "RUN"))

    def test_it_starts_as_the_unit_does(self):
        unit = (ROOT / "packaging" / "mailhaul.service").read_text(encoding="utf-8")
        started = re.search(r"(?m)^ExecStart=(.*)$", unit).group(1)
        told = dict(stages()[1])
        words = re.findall(r'"([^"]*)"', told["ENTRYPOINT"] + told["CMD"])
        self.assertEqual(started.split(), words)

    def test_package_lists_do_not_stay_in_a_layer(self):
        for name, text in instructions():
            if name == "RUN" and "apt-get update" in text:
                self.assertTrue(text.endswith("rm -rf /var/lib/apt/lists/*"), text)
                self.assertIn("--no-install-recommends", text)


if __name__ == "__main__":
    unittest.main()
