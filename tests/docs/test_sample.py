"""The sample configuration and the README's tables name what there is, with the right defaults."""

import re
import tempfile
import unittest

from facts import BUILD, ROOT, commands, out, readme_table, settings

SAMPLE = ROOT / "packaging" / "trawld.env"


def seconds(value):
    """30 and 30s are one default; the documents may write either."""
    return re.sub(r"^(\d+)s$", r"\1", value)


class Sample(unittest.TestCase):
    def test_it_names_each_option_once_with_its_default(self):
        found = re.findall(r"(?m)^#([A-Z_]+)=(.*)$", SAMPLE.read_text())
        self.assertEqual(len(found), len(dict(found)))
        self.assertEqual(dict(found), settings())

    def test_as_it_is_it_sets_nothing(self):
        shown = out(BUILD / "trawld", "--config", SAMPLE, "--print-config", env={})
        self.assertEqual(set(re.findall(r"(?m)# (\S+)$", shown)), {"default"})

    def test_with_every_line_in_force_it_is_taken_and_changes_nothing(self):
        with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
            file.write(re.sub(r"(?m)^#([A-Z_]+=)", r"\1", SAMPLE.read_text()))
            file.flush()
            shown = out(BUILD / "trawld", "--config", file.name, "--print-config", env={})
        values = dict(re.findall(r"(?m)^([A-Z_]+)=(.*)  # ", shown))
        self.assertEqual(values, settings() | {"BRIGHTDATA_API_KEY": "(not set)"})

    def test_each_option_is_explained(self):
        explained = False
        for line in SAMPLE.read_text().splitlines():
            if re.match(r"#[A-Z_]+=", line):
                self.assertTrue(explained, line)
            else:
                explained = bool(line)


class Readme(unittest.TestCase):
    def test_the_configuration_table(self):
        rows = {n.strip("`"): "" if d == "-" else d.strip("`") for n, d in readme_table("Configuration", 2)}
        self.assertEqual({n: seconds(d) for n, d in rows.items()}, settings())

    def test_the_commands_of_trawlctl(self):
        cells = " ".join(c for c, in readme_table("trawlctl", 1))
        self.assertEqual(set(re.findall(r"`(\w+)[^`]*`", cells)) | {"help"}, set(commands()))


if __name__ == "__main__":
    unittest.main()
