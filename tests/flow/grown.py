"""Job stores that are years old: as many crawls that have ended, or events, as a test wants, made by SQL.

    grown.py FILE COUNT [DAYS]      a store of schema 1 with COUNT crawls, the newest of them ended DAYS (100) ago
"""

import pathlib
import random
import sqlite3
import string
import sys
import time
import uuid

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "regress" / "store-schema-1.sql"
DAY_MS = 86400000
COMPLETED = 7
SPREAD_MS = 1000  # between the ends of two crawls


def crawl_id(created_ms, noise):
    return created_ms.to_bytes(6, "big") + (0x7000 | noise.getrandbits(12)).to_bytes(2, "big") + \
        (1 << 63 | noise.getrandbits(62)).to_bytes(8, "big")


def snapshot_id(noise):
    return "sd_" + "".join(noise.choices(string.ascii_lowercase + string.digits, k=17))


def grow(db, count, newest_ms):
    """Adds completed crawls with their requests to a store of any schema so far; their ids, the oldest first."""
    noise = random.Random(count)
    columns = [c[1] for c in db.execute("PRAGMA table_info(crawls)")]
    (row,) = db.execute("SELECT * FROM crawls WHERE state = ? LIMIT 1", (COMPLETED,)).fetchall()
    like = dict(zip(columns, row))
    request = list(db.execute("SELECT * FROM requests WHERE crawl_id = ?", (like["id"],)).fetchone())
    request[1] = None  # its key
    ids = []

    def crawls():
        for n in range(count):
            ended = newest_ms - (count - n) * SPREAD_MS
            by = ended - like["finished_ms"]
            job = snapshot_id(noise)
            ids.append(crawl_id(like["created_ms"] + by, noise))
            moved = {c: like[c] + by for c in columns if c.endswith("_ms") and like[c]}
            changed = {**like, **moved, "id": ids[-1], "snapshot_id": job,
                       "object_path": f"raw_snapshots/2026/01/01/snapshot_{job}.json"}
            yield tuple(changed[c] for c in columns)

    marks = ",".join("?" * len(columns))
    db.executemany(f"INSERT INTO crawls VALUES ({marks})", crawls())
    marks = ",".join("?" * len(request))
    db.executemany(f"INSERT INTO requests VALUES ({marks})", ((i, *request[1:]) for i in ids))
    db.commit()
    return ids


def add_events(path, count, age_ms=0):
    """Adds events behind those of a store that nobody has, in the likeness of its last ones."""
    noise = random.Random(count)
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    like = db.execute("SELECT id, crawl_id, type, attributes, body FROM outbox ORDER BY seq DESC LIMIT 4").fetchall()
    now = int(time.time() * 1000) - age_ms

    def events():
        for n in range(count):
            old, crawl, kind, attributes, body = like[n % len(like)]
            new = crawl_id(now, noise)
            yield new, crawl, kind, now, attributes.replace(str(uuid.UUID(bytes=old)), str(uuid.UUID(bytes=new))), body

    db.executemany("INSERT INTO outbox (id, crawl_id, type, time_ms, attributes, body) VALUES (?,?,?,?,?,?)", events())
    db.commit()
    db.close()


def make(path, count, days=100):
    db = sqlite3.connect(path)
    db.executescript(FIXTURE.read_text())
    # Nothing of the fixture is to be done any more, or told.
    db.executescript("DELETE FROM outbox; DELETE FROM requests WHERE crawl_id IN (SELECT id FROM crawls WHERE lane IS "
                     "NOT NULL); DELETE FROM crawls WHERE lane IS NOT NULL;")
    ids = grow(db, count, int(time.time() * 1000) - days * DAY_MS)
    db.close()
    return ids


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 100)
