"""The manual page beside --help: the same options, and nothing for which roff has a warning."""

import glob
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from support import BINARY, main

PAGE = pathlib.Path(os.environ.get("MAILHAUL_MANUAL", BINARY.parent / "mailhaul.1"))
OPTION = re.compile(r"^ *(-[^ ]+) ", re.MULTILINE)
COMMAND = re.compile(r"^  ([a-z]+)  ", re.MULTILINE)


def help_of(*command):
    return subprocess.run([BINARY, *command, "--help"], check=True, capture_output=True,
                          text=True).stdout


def commands(*above):
    """Every command that stands for itself, as its words."""
    _, _, list_of_them = help_of(*above).partition("Subcommands:")
    below = COMMAND.findall(list_of_them)
    return [words for name in below for words in commands(*above, name)] if below else [above]


def rendered():
    """The page as text, without the shaping of letters, each line's words one blank apart."""
    text = subprocess.run(["groff", "-man", "-Tascii", "-P-cbou", PAGE], check=True,
                          capture_output=True, text=True).stdout
    return re.sub(r" +", " ", text)


def sections(text):
    """The part of each command, by its words."""
    parts = re.split(r"(?m)^ mailhaul ([a-z ]+)$", text.partition("\nCOMMANDS\n")[2])
    return {tuple(name.split()): body for name, body in zip(parts[1::2], parts[2::2])}


# Images of containers leave its macros out.
@unittest.skipUnless(shutil.which("groff") and glob.glob("/usr/share/groff/*/tmac/an.tmac"),
                     "groff is not here")
class ManualTest(unittest.TestCase):

    def test_every_option_of_every_command_is_in_it(self):
        page = rendered()
        parts = sections(page)
        self.assertEqual(set(commands()), set(parts))
        self.assertGreater(len(parts), 10)
        for command in commands():
            told = help_of(*command)
            options = {name for names in OPTION.findall(told) for name in names.split(",")}
            self.assertIn("--config", options)
            for option in options - {"-h", "--help"}:
                self.assertRegex(parts[command], rf"(?m)^ (.*, )?{option}\b", command)
        for option in ("-h", "--help", "--version"):
            self.assertRegex(page, rf"(?m)^ (.*, )?{option}\b")

    def test_no_other_option_is_in_it(self):
        for command, part in sections(rendered()).items():
            told = help_of(*command)
            for option in re.findall(r"(?m)^ (--[a-z-]+)", part):
                self.assertIn(option, told, command)

    def test_it_tells_the_exit_codes_and_the_version(self):
        page = rendered()
        version = subprocess.run([BINARY, "--version"], check=True, capture_output=True,
                                 text=True).stdout.strip()
        self.assertIn(version, page)
        self.assertRegex(page, r"EXIT STATUS(.|\n)* 4 interrupted, state kept\.")

    def test_roff_has_no_warning_for_it(self):
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", "-rCHECKSTYLE=3", PAGE],
                              check=True, capture_output=True, text=True)
        self.assertEqual("", done.stderr + done.stdout)

    @unittest.skipUnless(shutil.which("man"), "man is not here")
    def test_man_shows_it_without_a_warning(self):
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", PAGE],
                              check=True, capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""})
        self.assertEqual("", done.stderr)


if __name__ == "__main__":
    main()
