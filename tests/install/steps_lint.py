"""What lintian and rpmlint say of the packages."""

import os
import shutil

from container import run


def lint(report, source, work, packages):
    debs, rpms = packages.debs("this"), packages.rpms("this")
    for name in ("lintian", "rpmlint"):
        if not report.expect(f"{name} is there", shutil.which(name),
                               f"apt-get install --no-install-recommends {name}"):
            return
    said = _output(work, ["lintian", "--allow-root", "--tag-display-limit", "0", "--show-overrides", *debs])
    tags = [line for line in said.splitlines() if line[:2] in ("E:", "W:")]
    report.expect("lintian finds no error and no warning", not tags, said)
    overridden = [line for line in said.splitlines() if line.startswith("O:")]
    report.equal("lintian: nothing is overridden", overridden, [])
    report.note("lintian", said.strip() or "says nothing")
    said = _output(work, ["rpmlint", "--config", source / "packaging/rpm/rpmlint.toml", *rpms,
                    source / "packaging/rpm/trawld.spec"])
    last = said.strip().splitlines()[-1]
    report.note("rpmlint", last)
    report.expect("rpmlint finds no error and no warning", " 0 errors, 0 warnings" in last, said)


def _output(work, argv):
    """What a linter says, whatever its exit status: it fails on what the caller judges."""
    home = work / "home"  # rpmlint makes an rpm database in there
    home.mkdir(exist_ok=True)
    try:
        done = run(argv, env={**os.environ, "HOME": str(home)})
    except AssertionError as error:
        return str(error)
    return done.stdout + done.stderr
