"""Who includes and calls whom: from the top to the bottom, never in a circle and never back up."""

import unittest

from tree import call_arrows, circles, files, folders, include_arrows, includes, programs

# Each layer, and those that it may include. What a role may is its row in the Makefile.
LAYERS = {
    "base": [],
    "model": ["base"],
    "provider": ["base", "model"],
    "conf": ["base", "model"],
    "ipc": ["base", "model", "conf"],
    "net": ["base"],
}
# A header without a source, which is no use of its layer.
ALONE = {"supervisor": ["ipc/inherit.h"]}

# Debts: the circles that there are. One that is gone is to be taken out of here.
INCLUDE_CIRCLES = {}
CALL_CIRCLES = {
    "src/keeper": ["keeper_backup keeper_clock keeper_crawl keeper_disk keeper_grant keeper_lease keeper_outbox "
                   "keeper_peer keeper_prune keeper_request keeper_result keeper_search keeper_status "
                   "keeper_trigger keeper_turn keeper_watch",
                   "store_backup store_schema"],
}


def words(circle):
    return " ".join(sorted(circle))


def say(arrows, circle):
    return "".join(f"\n  {a} -> {b}: {', '.join(why)}" for (a, b), why in sorted(arrows.items())
                   if a in circle and b in circle)


class Arrows(unittest.TestCase):
    def test_a_circle_is_found(self):
        arrows = dict.fromkeys([("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("e", "f"), ("f", "g"), ("g", "e")])
        self.assertEqual(circles(arrows), {frozenset("bc"), frozenset("efg")})
        self.assertEqual(circles({("a", "b"): 1, ("b", "c"): 1, ("a", "c"): 1}), set())

    def check_circles(self, find, debts):
        self.assertEqual(set(debts) - set(folders()), set(), "no such folder: take it out of the debts")
        for folder in folders():
            arrows = find(folder)
            found, known = {words(c) for c in circles(arrows)}, set(debts.get(folder, ()))
            with self.subTest(folder=folder):
                self.assertEqual(found - known, set(), f"new in {folder}: move what is called to where both can reach "
                                 f"it{''.join(say(arrows, c.split()) for c in found - known)}")
            with self.subTest(folder=folder):
                self.assertEqual(known - found, set(), f"no circle in {folder} any more: take it out of the debts in "
                                 "this file")

    def test_files_of_a_folder_include_each_other_in_no_circle(self):
        self.check_circles(include_arrows, INCLUDE_CIRCLES)

    def test_files_of_a_folder_call_each_other_in_no_circle(self):
        self.check_circles(call_arrows, CALL_CIRCLES)

    def test_the_arrows_are_there(self):
        for folder in folders():
            with self.subTest(folder=folder):
                self.assertTrue(len(files(folder)) > 1 and call_arrows(folder))

    def test_no_layer_includes_one_above(self):
        below = {f"src/{name}": lower for name, lower in LAYERS.items()}
        below.update((program.folder, program.layers) for program in programs().values())
        self.assertEqual(sorted(below), sorted(folders()), "each folder is a layer here or a program in the Makefile")
        for folder, lower in below.items():
            own = folder.rpartition("/")[2]
            may = {own, *lower}
            self.assertNotIn(own, lower)
            for file, paths in includes(folder).items():
                bad = {p for p in paths if p.partition("/")[0] not in may and p not in ALONE.get(folder, ())}
                with self.subTest(file=f"{folder}/{file}"):
                    self.assertEqual(bad, set(), f"{folder} may include {', '.join(sorted(may))}")

    def test_what_a_folder_may_include_it_needs(self):
        for folder, headers in ALONE.items():
            used = set().union(*includes(folder).values())
            self.assertEqual(set(headers) - used, set(), "take it out of the table in this file")
        for layer, lower in LAYERS.items():
            used = {p.partition("/")[0] for paths in includes(f"src/{layer}").values() for p in paths}
            self.assertEqual(set(lower) - used, set(), f"{layer} includes none of it: take it out of the table here")


if __name__ == "__main__":
    unittest.main()
