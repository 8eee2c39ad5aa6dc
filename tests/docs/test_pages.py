"""The manual pages tell of everything that the programs have, of nothing else, and are well-formed."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

from facts import BUILD, PAGES, PROGRAMS, ROOT, commands, forms, helped, out, page, run, section, settings, tags


class Form(unittest.TestCase):
    def test_mandoc_has_nothing_to_warn_of(self):
        for name, path in PAGES.items():
            with self.subTest(name):
                done = run("mandoc", "-T", "lint", "-W", "warning", BUILD / "man" / path)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_groff_has_nothing_to_warn_of(self):
        for name, path in PAGES.items():
            with self.subTest(name):
                done = run("groff", "-mdoc", "-ww", "-z", BUILD / "man" / path)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_no_marker_is_left_and_the_version_is_the_programs(self):
        version = out(BUILD / "trawld", "--version").split()[1]
        for name, path in PAGES.items():
            text = (BUILD / "man" / path).read_text()
            self.assertIsNone(re.search(r"@[A-Za-z-]+@", text), name)
            self.assertIn(f".Os trawld {version}\n", text)


class Options(unittest.TestCase):
    def test_a_program_has_the_options_of_its_page(self):
        for name in ("trawld", "trawl-sim"):
            with self.subTest(name):
                own, _ = helped(name)
                self.assertGreater(len(own), 4)
                self.assertEqual(forms(section(page(name), "DESCRIPTION"), 5), own)
                self.assertEqual(set(re.findall(r"\[(--[^]]*)\]", section(page(name), "SYNOPSIS"))), own)

    def test_a_command_has_the_options_of_its_subsection(self):
        text = page("trawlctl")
        _, everywhere = helped("trawlctl")
        self.assertEqual(forms(section(text, "DESCRIPTION"), 5), everywhere)
        parts = re.split(r"(?m)^   (\w+)\n", section(text, "COMMANDS"))
        self.assertEqual(parts[1::2], commands())
        for name, told in zip(parts[1::2], parts[2::2]):
            with self.subTest(name):
                own, anywhere = helped("trawlctl", name)
                self.assertEqual(forms(told, 5), own)
                self.assertEqual(anywhere, everywhere)

    def test_the_examples_of_help_are_in_the_page(self):
        asked = [(p, ()) for p in PROGRAMS] + [("trawlctl", (c,)) for c in commands()]
        for program, words in asked:
            shown = out(BUILD / program, *words, "--help")
            text = page(program)
            for example in re.search(r"(?s)\nExamples:\n(.*?)\n\n", shown).group(1).splitlines():
                self.assertIn(example.strip(), text)

    def test_the_configuration_is_that_of_the_table(self):
        told = re.findall(r"(?ms)^     ([A-Z_]+) \(([a-z ]+)\)\n +(\S[^\n]*)\n\n"
                          r" +Allowed: (.*?)\.\s+Default: (.*?)\.(?:  A|\n)",
                          section(page("trawld.env"), "OPTIONS"))
        found = {name: "" if default == "none" else default.strip("'`") for name, _, _, _, default in told}
        self.assertEqual(found, settings())
        for name, kind, sentence, allowed, _ in told:
            self.assertTrue(sentence.endswith(".") and allowed, name)
            self.assertIn(kind, ("text", "yes or no", "number", "duration", "size", "word"))


class Claims(unittest.TestCase):
    """What else a page lists, against the program or the README."""

    def readme(self):
        return (ROOT / "README.md").read_text()

    def test_exit_statuses_are_those_of_the_readme(self):
        table = set(re.findall(r"(?m)^\| (\d+) \|", self.readme().split("| Exit status |")[1].split("\n\n")[0]))
        self.assertEqual(set(tags(section(page("trawld"), "EXIT STATUS"))), table)
        told = self.readme().split("Exit status: 0 ok")[1].split("`trawlctl help`")[0]
        self.assertEqual(set(tags(section(page("trawlctl"), "EXIT STATUS"))) - {"0", "130"},
                         set(re.findall(r"\b\d+\b", told)))

    def test_files_are_those_of_the_readme(self):
        table = self.readme().split("| Path | What |")[1].split("\n\n")[0]
        named = set(re.findall(r"`([^`]+)`", " ".join(re.findall(r"(?m)^\| (.*?) \|", table))))
        told = re.findall(r"(?m)^ {13}(\S.*?)(?= {2}|$)", section(page("trawld"), "FILES"))
        self.assertLessEqual(named, set(", ".join(told).split(", ")))

    def test_the_environment_of_trawlctl_is_what_it_reads(self):
        read = set()
        for path in (ROOT / "src/ctl").glob("*.c"):
            read |= set(re.findall(r'\b(?:getenv|setting)\("([A-Z_]+)"\)', path.read_text()))
        told = section(page("trawlctl"), "ENVIRONMENT")
        self.assertEqual(set(re.findall(r"\b[A-Z][A-Z_]{3,}\b", told)), read)

    def test_the_fields_of_the_journal_are_those_that_are_written(self):
        source = "".join(p.read_text() for p in (ROOT / "src/base").glob("log*.c"))
        told = section(page("trawld"), "LOGGING").split("tells a crawl")[0]
        self.assertEqual(set(re.findall(r"\bTRAWLD_[A-Z_]+", told)), set(re.findall(r'"(TRAWLD_[A-Z_]+)"', source)))

    def test_the_places_that_trawlctl_looks_at_are_told(self):
        places = set()
        for path in (ROOT / "src/ctl").glob("*.c"):
            places |= set(re.findall(r'(?m)^#define \w+\s+"(/[^"]*)"', path.read_text()))
        self.assertIn("/var/lib/trawld", places)
        for place in places:
            self.assertIn(place, page("trawlctl"))
            self.assertIn(place, out(BUILD / "trawlctl", "--help"))

    def test_what_this_version_does_not_do_is_said_as_long_as_it_holds(self):
        done = run(BUILD / "trawld", "--config", "/dev/null", "--check-config",
                   env={"STORAGE_BACKEND": "gcp", "BRIGHTDATA_API_KEY": "x"})
        said = "STORAGE_BACKEND=gcp is known and refused" in page("trawld.env")
        self.assertEqual(said, done.returncode == 78)

    def test_the_example_of_a_configuration_is_taken(self):
        text = "\n".join(line[11:] for line in section(page("trawld.env"), "EXAMPLES").splitlines()) + "\n"
        folder = pathlib.Path(tempfile.mkdtemp(prefix="trawld-docs-"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "key").write_text("secret\n")
        text = text.replace("/etc/trawld/brightdata.key", str(folder / "key"))
        (folder / "example.env").write_text(text)
        shown = out(BUILD / "trawld", "--config", folder / "example.env", "--check-config", "--print-config", env={})
        for name, value in re.findall(r'(?m)^([A-Z_]+)="?(.*?)"?$', text):
            value = {"1m": "60"}.get(value, value)
            self.assertRegex(shown, rf"(?m)^{name}={re.escape(value)}  # .*example.env:\d+$")


class Simulator(unittest.TestCase):
    """The lists of trawl-sim(1) that no table of options makes, against a running one."""

    @classmethod
    def setUpClass(cls):
        cls.sim = subprocess.Popen([BUILD / "trawl-sim", "--port", "0", "--exit-with-parent", "--quiet"],
                                   stdout=subprocess.PIPE, text=True)
        cls.url = cls.sim.stdout.readline().split()[-1]
        cls.page = page("trawl-sim")

    @classmethod
    def tearDownClass(cls):
        cls.sim.terminate()
        cls.sim.wait(30)
        cls.sim.stdout.close()

    def ask(self, path, body=None):
        request = urllib.request.Request(self.url + path, data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.read().decode()

    def subsection(self, title):
        return re.search(rf"(?ms)^   {title}\n(.*?)(?=^ {{0,3}}\S|\Z)", self.page).group(1)

    def test_endpoints(self):
        known = set(re.findall(r"[A-Z]+ /_sim/\w+", self.ask("/_sim/nothing")))
        told = {t for t in tags(section(self.page, "CONTROL")) if "/_sim/" in t}
        self.assertGreater(len(known), 5)
        self.assertEqual({t for t in told if "begins" not in t}, known)

    def test_what_is_counted(self):
        for name in json.loads(self.ask("/_sim/stats")):
            self.assertRegex(section(self.page, "CONTROL"), rf"\b{name}\b")

    def test_settings_and_what_they_are(self):
        holds = json.loads(self.ask("/_sim/set"))
        told = [w for t in tags(self.subsection("SETTINGS")) for w in t.split(", ")]
        self.assertEqual(sorted(told), sorted(holds))
        shown = out(BUILD / "trawl-sim", "--help")
        for option in ("ready-after", "building", "time-scale", "running-cap", "retention-days"):
            default = re.search(rf"(?m)^  --{option} .*\((\w+)\)$", shown).group(1)
            self.assertEqual(float(default), holds[option.replace("-", "_")])

    def test_faults(self):
        text = self.subsection("FAULTS")
        listed = tags(text.split("The kinds:")[1].split("With effect")[0])
        kinds = re.search(r"one of ([a-z_, ]+)", self.ask("/_sim/faults", {})).group(1).split(", ")
        self.assertEqual(sorted(listed), sorted(kinds))
        calls = re.search(r"one of ([a-z, ]+)", self.ask("/_sim/faults", {"kind": "lost"})).group(1)
        self.assertIn(f"({calls})", text)

    def test_data_sets_and_ways_to_ask_them(self):
        request = urllib.request.Request(self.url + "/datasets/list", headers={"Authorization": "Bearer any"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            known = {row["id"]: row["name"] for row in json.load(answer)}
        text = section(self.page, "DATA SETS")
        told = dict(re.findall(r"(?m)^ {5}(gd_\w+)\n +(\S.*)$", text))
        self.assertEqual(told, known)
        tiktok = re.search(r"(?ms)^ {5}gd_lu702nij2f790tmv9h\n(.*?)^ {0,5}\S", text).group(1)
        self.assertEqual([" ".join(line.split()) for line in tiktok.splitlines()][1:3], [
            "url [country]", "by keyword: search_keyword [num_of_posts] [posts_to_not_include] [country]"])

    def test_inputs(self):
        source = (ROOT / "src/sim/sim_record.c").read_text()
        known = set(re.findall(r'strstr\(subject, "([a-z-]+)"\)', source))
        told = {t for t in tags(section(self.page, "INPUTS")) if " " not in t}
        self.assertEqual(told, known)


if __name__ == "__main__":
    unittest.main()
