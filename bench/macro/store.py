#!/usr/bin/env python3
"""The store beside others, with the same mail: how fast it takes it in, and the room it takes.

Speed: mailhaul's store (hashed, compressed, indexed, durable; MIME not parsed) against RocksDB with
one zstd-compressed blob per message and a synced log, in turns. Room: what both leave on the disk,
and what Dovecot makes of the same maildirs: Maildir, Maildir and mdbox with zstd. Needs root.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import make_set  # noqa: E402
from macro import FOLDER, NOW, ROOT, machine  # noqa: E402

FORMATS = {"Maildir": ("maildir:~/copy", False), "Maildir, zstd": ("maildir:~/copy", True),
           "mdbox": ("mdbox:~/copy", False), "mdbox, zstd": ("mdbox:~/copy", True)}


def disk_bytes(folder):
    done = subprocess.run(["du", "-s", "-B1", str(folder)], capture_output=True, text=True,
                          check=True)
    return int(done.stdout.split()[0])


def ingest(options, kind, files, folder):
    folder.mkdir()
    os.sync()
    done = subprocess.run([str(options.build / "bench" / "store_ingest"), kind, str(folder)],
                          input="\n".join(map(str, files)) + "\n", capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    result = json.loads(done.stdout)
    result["on_disk"] = disk_bytes(folder)
    shutil.rmtree(folder)
    return result


def dovecot_copy(folder, users, location, compressed):
    """What Dovecot makes of the maildirs of `users`, in bytes on the disk."""
    plugin = "mail_plugins = zlib\nplugin {\n  zlib_save = zstd\n}\n" if compressed else ""
    configuration = folder / "dovecot.conf"
    configuration.write_text(f"""base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
mail_location = maildir:~/Maildir
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
first_valid_gid = 1
ssl = no
namespace inbox {{
  inbox = yes
  separator = /
  prefix =
}}
{plugin}""")
    total = 0
    for user in users:
        home = folder / "mail" / user
        done = subprocess.run(
            ["setpriv", "--reuid=mail", "--regid=mail", "--clear-groups", "env", f"USER={user}",
             f"HOME={home}", "doveadm", "-c", str(configuration), "backup", location],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stdout + done.stderr)
        total += disk_bytes(home / "copy")
        shutil.rmtree(home / "copy")
    return total


def speeds(options, files, folder):
    runs = {"mailhaul": [], "rocksdb": []}
    for number in range(options.runs):
        for kind, results in runs.items():
            results.append(ingest(options, kind, files, folder / f"{kind}{number}"))
            print(f"{kind}: {results[-1]}", flush=True)
    return runs


def summary(runs):
    rows = {}
    for kind, results in runs.items():
        bytes_in = results[0]["bytes"]
        rows[kind] = {
            "megabytes_per_second": round(
                bytes_in / 1e6 / statistics.median(r["seconds"] for r in results)),
            "megabytes_per_second_with_close": round(
                bytes_in / 1e6 / statistics.median(r["seconds_with_close"] for r in results)),
            "processor_seconds": statistics.median(r["processor_seconds"] for r in results),
            "on_disk": results[0]["on_disk"],
            "written_to_on_disk": round(results[0]["written"] / results[0]["on_disk"], 3)}
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--mailboxes", type=int, default=20)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    folder = FOLDER / time.strftime("store-%Y%m%d-%H%M%S")
    users = [f"u{i:04}@bench.test" for i in range(options.mailboxes)]
    messages, total = make_set.write_set(folder / "mail", users, options.messages, NOW)
    files = sorted((folder / "mail").glob("*/Maildir/cur/*"))
    print(f"{messages} messages, {total / 1e6:.0f} MB", flush=True)
    rows = summary(speeds(options, files, folder))
    subprocess.run(["chown", "-R", "mail:mail", str(folder)], check=True)
    room = {name: row["on_disk"] for name, row in rows.items()}
    for name, (location, compressed) in FORMATS.items():
        room[name] = dovecot_copy(folder, users, location, compressed)
    ratio = (rows["mailhaul"]["megabytes_per_second_with_close"]
             / rows["rocksdb"]["megabytes_per_second_with_close"])
    for name, row in rows.items():
        print(f"{name:16} {row['megabytes_per_second']:5} MB/s, {row['processor_seconds']:.1f} s "
              f"of processor time, written {row['written_to_on_disk']:.2f} x what is stored")
    print(f"mailhaul takes in {ratio:.2f} times what RocksDB does")
    for name, size in sorted(room.items(), key=lambda item: item[1]):
        print(f"{name:16} {size / 1e6:7.1f} MB on disk, {size / total:.3f} of the mail")
    if options.out:
        options.out.write_text(json.dumps(
            {"machine": machine(), "messages": messages, "bytes": total, "ingest": rows,
             "ingest_ratio": round(ratio, 2), "on_disk": room}, indent=1) + "\n")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    if os.geteuid() != 0 or not shutil.which("doveadm"):
        raise SystemExit("the comparison needs root and dovecot-imapd")
    sys.exit(main())
