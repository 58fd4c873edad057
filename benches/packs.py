"""Why the embedded store keeps records in packs: what a commit of random records costs SQLite when each is a row, and when they fill
whole pages one after the other.

    python3 benches/packs.py

1,000,000 records of 490 bytes, commits of 12,000 random ones, pages of 4 KiB, 32 MiB of cache, WAL, an fsync for each commit and a
checkpoint behind it. The packs are only appended here: finding a record (an index in memory) and using the room of old ones again
come on top.
"""

import os
import random
import sqlite3
import tempfile
import time

RECORDS, COMMIT, COMMITS, BYTES, PER_PACK = 1_000_000, 12_000, 8, 490, 8


def opened(directory):
    connection = sqlite3.connect(os.path.join(directory, "records.db"), isolation_level=None)
    for pragma in ("page_size=4096", "journal_mode=wal", "synchronous=full", "cache_size=-32768", "wal_autocheckpoint=0"):
        connection.execute(f"pragma {pragma}")
    return connection


def committed(connection, statement, rows):
    connection.execute("begin")
    connection.executemany(statement, rows)
    connection.execute("commit")


def measured(name, directory, connection, statement, rows_of):
    def cpu():
        return sum(os.times()[:2])

    wal, start, before = 0, time.perf_counter(), cpu()
    for commit in range(COMMITS):
        # Another text each time: SQLite writes no page that stays as it is.
        committed(connection, statement, rows_of(commit, bytes([65 + commit]) * BYTES))
        wal += os.path.getsize(os.path.join(directory, "records.db-wal"))
        connection.execute("pragma wal_checkpoint(truncate)")
    records = COMMIT * COMMITS
    took, used = time.perf_counter() - start, cpu() - before
    print(f"{name}: {used / records * 1e6:.1f} us of CPU, {took / records * 1e6:.1f} us, {wal / records:.0f} bytes of WAL a record")


with tempfile.TemporaryDirectory(dir=".") as directory:
    connection = opened(directory)
    connection.execute("create table rows (id integer primary key, text blob)")
    connection.execute("create table packs (id integer primary key, texts blob)")
    committed(connection, "insert into rows values (?, ?)", ((n, b"x" * BYTES) for n in range(RECORDS)))
    connection.execute("pragma wal_checkpoint(truncate)")
    dice = random.Random(1)
    measured("rows", directory, connection, "update rows set text = ? where id = ?",
             lambda _, text: [(text, dice.randrange(RECORDS)) for _ in range(COMMIT)])
    packs = COMMIT // PER_PACK
    measured("packs", directory, connection, "insert into packs values (?, ?)",
             lambda commit, text: [(commit * packs + n, text * PER_PACK) for n in range(packs)])
