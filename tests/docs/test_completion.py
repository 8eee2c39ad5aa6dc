"""Completion of command lines in bash, zsh and fish: what TAB offers, and that it calls nobody."""

import os
import pty
import re
import select
import shutil
import tempfile
import time
import unittest

from facts import BUILD, PROGRAMS, commands, helped, names, run

FOLDER = BUILD / "completions"
PLATFORMS = {"facebook", "instagram", "tiktok", "youtube", "linkedin", "x", "reddit"}
NOWHERE = {"PATH": "/dev/null"}  # a program that a completion calls would not be found

# Each line and what TAB offers at its end, for every shell. FILES and DIRS: names of files, of folders.
FILES, DIRS = "files", "dirs"
CASES = (
    ("trawlctl ", "COMMANDS"),
    ("trawlctl tri", {"trigger"}),
    ("trawlctl --json wa", {"wait"}),
    ("trawlctl --daemon http://127.0.0.1:8080 hea", {"health"}),
    ("trawlctl --data-dir ", DIRS),
    ("trawlctl --socket ", FILES),
    ("trawlctl help trig", {"trigger"}),
    ("trawlctl help ", "COMMANDS"),
    ("trawlctl trigger --plat", {"--platform"}),
    ("trawlctl trigger --platform ", PLATFORMS),
    ("trawlctl trigger --platform in", {"instagram"}),
    ("trawlctl --json trigger --platform=in", {"instagram"}),
    ("trawlctl trigger https://www.facebook.com/nike --num-of-posts 5 --comp", {"--competitor"}),
    ("trawlctl trigger --include-profile-data=f", {"false"}),
    ("trawlctl trigger --include-profile-data --wai", {"--wait"}),
    ("trawlctl trigger --brand trigger --plat", {"--platform"}),
    ("trawlctl trigger --brand ", set()),
    ("trawlctl trigger -f ", FILES),
    ("trawlctl events --file ", FILES),
    ("trawlctl events --plat", set()),
    ("trawlctl download 0190a1b2-0000-7000-8000-000000000000 -o ", FILES),
    ("trawlctl wait --timeout 5m --inter", {"--interval"}),
    ("trawlctl retry 0190a1b2-0000-7000-8000-000000000000 --wa", {"--wait"}),
    ("trawlctl back", {"backup"}),
    ("trawlctl backup --js", {"--json"}),
    ("trawlctl backup ", FILES),
    ("trawlctl nonsense --dae", {"--daemon"}),
    ("trawld --check", {"--check-config"}),
    ("trawld --config ", FILES),
    ("trawl-sim --rea", {"--ready-after"}),
    ("trawl-sim --records ", FILES),
    ("trawl-sim --port ", set()),
)


def wanted(what):
    return set(commands()) if what == "COMMANDS" else what


class Bash(unittest.TestCase):
    SCRIPT = r"""
        COMP_WORDBREAKS=$' \t\n"'"'"'><=;|&(:' kind_of_names=''
        compopt() { kind_of_names=$2; }
        . "$1"; name=$2; shift 2
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "$name"
        printf '%s\n' "${COMPREPLY[@]}" "=$kind_of_names"
    """

    def offered(self, line):
        words = [w for part in re.split(r"\s+", line) for w in re.findall(r"[=:]+|[^=:]+", part) or [""]]
        program = words[0]
        done = run(shutil.which("bash"), "--norc", "-c", self.SCRIPT, "bash", FOLDER / "bash" / program,
                   "_" + program.replace("-", "_"), *words, env=NOWHERE)
        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        *replies, names_of = done.stdout.splitlines()
        if names_of != "=":
            return {"=default": FILES, "=dirnames": DIRS}[names_of]
        return set(replies) - {""}

    def test_syntax(self):
        for program in PROGRAMS:
            self.assertEqual(run("bash", "-n", FOLDER / "bash" / program).stderr, "")

    def test_what_is_offered(self):
        for line, what in CASES:
            # Where nothing is known of a value or a word, nothing is offered.
            with self.subTest(line):
                self.assertEqual(self.offered(line), wanted(what))

    def test_every_option_is_offered_where_it_is_taken(self):
        for program, command in [(p, None) for p in PROGRAMS] + [("trawlctl", c) for c in commands()]:
            own, everywhere = helped(program, command)
            with self.subTest(program=program, command=command):
                line = " ".join(filter(None, (program, command, "--")))
                self.assertEqual(self.offered(line), names(own | everywhere))


@unittest.skipUnless(shutil.which("fish"), "fish is not installed")
class Fish(unittest.TestCase):
    def offered(self, line):
        program = line.split()[0]
        with tempfile.TemporaryDirectory(prefix="trawld-docs-") as home:
            done = run(shutil.which("fish"), "--no-config", "-c", 'source $argv[1]; complete -C $argv[2]',
                       FOLDER / "fish" / f"{program}.fish", line, cwd=FOLDER, env=NOWHERE | {"HOME": home})
        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        # Later ones (4.0) go on to what only holds the letters somewhere.
        typed = re.split(r"[ =]", line)[-1]
        return {w for w in (w.split("\t")[0] for w in done.stdout.splitlines()) if w.split("=")[-1].startswith(typed)}

    def test_syntax(self):
        for program in PROGRAMS:
            self.assertEqual(run("fish", "-n", FOLDER / "fish" / f"{program}.fish").stderr, "")

    def test_what_is_offered(self):
        for line, what in CASES:
            with self.subTest(line):
                found = {w.split("=")[-1] for w in self.offered(line)}
                if what in (FILES, DIRS):
                    self.assertLessEqual({"bash/", "fish/", "zsh/"}, found)
                else:
                    self.assertEqual(found, wanted(what))

    def test_every_option_is_offered_where_it_is_taken(self):
        for program, command in [(p, None) for p in PROGRAMS] + [("trawlctl", c) for c in commands()]:
            own, everywhere = helped(program, command)
            with self.subTest(program=program, command=command):
                line = " ".join(filter(None, (program, command, "--")))
                found = {w.rstrip("=") for w in self.offered(line)}
                self.assertEqual(found, names(own | everywhere))


class Terminal:
    """A shell at a terminal, in which the programs are functions that show their arguments."""

    def __init__(self, words, setup):
        self.home = tempfile.TemporaryDirectory(prefix="trawld-docs-")
        try:
            self.pid, self.fd = pty.fork()
        except OSError as missing:
            raise unittest.SkipTest(f"no pseudo terminals here: {missing}") from missing
        if self.pid == 0:
            os.chdir(FOLDER)
            os.execve(words[0], words,
                      {"TERM": "vt100", "PS1": "$ ", "HOME": self.home.name, "PATH": "/usr/bin:/bin"})
        self.seen = ""
        self.send(setup + "\nprintf '<%s>' set-up; echo\n")
        self.expect(r"<set-up>")

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.seen):
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"{pattern} did not come; there was {self.seen!r}")
            self.seen += os.read(self.fd, 65536).decode(errors="replace")
        found = re.search(pattern, self.seen)
        self.seen = ""
        return found

    def complete(self, line):
        """The arguments after TAB and Return."""
        self.send(line + "\t\n")
        return re.findall(r"<([^>]*)>", self.expect(r"((?:<[^>]*>)+);").group(1))

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)
        self.home.cleanup()


SHOW = "trawlctl() { printf '<%s>' \"$@\"; printf ';\\n'; }; trawld() { trawlctl \"$@\"; }"
TYPED = (
    ("trawlctl tri", ["trigger"]),
    ("trawlctl --daemon http://127.0.0.1:80 hea", ["--daemon", "http://127.0.0.1:80", "health"]),
    ("trawlctl trigger --platform inst", ["trigger", "--platform", "instagram"]),
    ("trawlctl trigger --platform=inst", ["trigger", "--platform=instagram"]),
    ("trawlctl trigger --idem", ["trigger", "--idempotency-key"]),
    ("trawlctl trigger https://a/ --wai", ["trigger", "https://a/", "--wait"]),
    ("trawlctl events --file zsh/_trawlc", ["events", "--file", "zsh/_trawlctl"]),
    ("trawlctl events --data-dir fi", ["events", "--data-dir", "fish"]),
    ("trawlctl backup zsh/_trawlc", ["backup", "zsh/_trawlctl"]),
    ("trawlctl help dow", ["help", "download"]),
    ("trawld --check", ["--check-config"]),
)


class AtATerminal(unittest.TestCase):
    """The real thing: a key is pressed, and the shell runs what then stands there."""

    def try_all(self, words, setup):
        terminal = Terminal(words, setup)
        self.addCleanup(terminal.close)
        for line, arguments in TYPED:
            with self.subTest(line):
                # What zsh takes away again when Return follows, bash leaves.
                found = [re.sub(r"(^--.*)=$|^(fish)/$", r"\1\2", a) for a in terminal.complete(line)]
                self.assertEqual(found, arguments)

    def test_bash(self):
        bash = shutil.which("bash")
        self.try_all([bash, "--norc", "--noprofile", "-i"],
                     f"bind 'set enable-bracketed-paste off'; . bash/trawlctl; . bash/trawld; {SHOW}")

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        for program in PROGRAMS:
            self.assertEqual(run("zsh", "-n", FOLDER / "zsh" / f"_{program}").stderr, "")
        self.try_all([shutil.which("zsh"), "-f", "-i"], "unset zle_bracketed_paste; fpath=($PWD/zsh $fpath); "
                     f"autoload -Uz compinit; compinit -u -D; {SHOW}")


if __name__ == "__main__":
    unittest.main()
