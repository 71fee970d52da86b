"""Mail sets for the benchmarks, written as maildirs: the same arguments give the same bytes.

Sizes follow a lognormal law (median about 8 KB, mean about 55 KB, at most 12 MB), as in mailboxes
of people at work; set "small" is about 3 KB a message. Bodies are what mail is made of: text, HTML
beside text, and attachments in base64. Dates lie in the 120 days before `now`.
"""

import base64
import concurrent.futures
import email.utils
import functools
import hashlib
import math
import os
import pathlib
import random

WORDS = ("account agenda also and answer approve attached because before budget call changed "
         "contract could customer deadline delivery draft each file final for friday from have "
         "invoice know later letter meeting monday more next note offer office open order other "
         "paper payment phone plan please price project quarter question ready reply report "
         "review schedule sent should signed soon still summary table team thanks that the their "
         "there this time today tomorrow update version week will with would your").split()
NAMES = ("Anna Berg", "Boris Klein", "Chiara Rossi", "Dmitri Orlow", "Elsa Lund", "Femi Ade",
         "Grete Holm", "Hugo Roux", "Ines Costa", "Jonas Wolf", "Kaja Nowak", "Liam Byrne")
TYPES = (("application/pdf", "pdf"), ("image/jpeg", "jpg"), ("image/png", "png"),
         ("application/zip", "zip"),
         ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"))
POOL_BYTES = 16 << 20
DAYS = 120


def lines_of_words(rng, size):
    out, length = [], 0
    while length < size:
        line = " ".join(rng.choices(WORDS, k=11))
        out.append(line)
        length += len(line) + 2
    return "\r\n".join(out) + "\r\n"


def text_part(rng, size, html):
    kind = "html" if html else "plain"
    body = lines_of_words(rng, size)
    if html:
        body = "<html><body>\r\n" + body.replace("\r\n", "<br>\r\n") + "</body></html>\r\n"
    return (f'Content-Type: text/{kind}; charset="utf-8"\r\n'
            f"Content-Transfer-Encoding: 8bit\r\n\r\n{body}").encode()


def attachment(rng, size, pool):
    mime, extension = rng.choice(TYPES)
    raw = max(100, size * 3 // 4)
    start = rng.randrange(max(1, len(pool) - raw))
    encoded = base64.b64encode(pool[start:start + raw])
    body = b"\r\n".join(encoded[i:i + 76] for i in range(0, len(encoded), 76)) + b"\r\n"
    name = f"{rng.choice(WORDS)}-{rng.randrange(10000)}.{extension}"
    return (f'Content-Type: {mime}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
            f'Content-Disposition: attachment; filename="{name}"\r\n\r\n').encode() + body


def multipart(rng, kind, parts):
    mark = f"=_{rng.getrandbits(96):024x}"
    joined = b"".join(b"--" + mark.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return (f'Content-Type: multipart/{kind};\r\n boundary="{mark}"\r\n\r\n'.encode() + joined
            + f"--{mark}--\r\n".encode())


def body_of(rng, size, pool):
    if size < 4000:
        return text_part(rng, size, html=False)
    if size < 40_000:
        return multipart(rng, "alternative", [text_part(rng, size // 3, html=False),
                                              text_part(rng, size // 2, html=True)])
    head = multipart(rng, "alternative", [text_part(rng, 1500, html=False),
                                          text_part(rng, 3000, html=True)])
    count = rng.choice((1, 1, 1, 2, 3))
    return multipart(rng, "mixed", [head] + [attachment(rng, (size - 5000) // count, pool)
                                             for _ in range(count)])


def message(rng, user, size, when, thread, pool):
    ident = f"{rng.getrandbits(64):016x}@mail{rng.randrange(300)}.example.com"
    sender = rng.choice(NAMES)
    head = [f"Return-Path: <bounce-{rng.getrandbits(32):08x}@example.com>",
            f"Delivered-To: {user}"]
    for hop in range(rng.randint(2, 4)):
        head.append(f"Received: from mx{rng.randrange(90)}.example.net (mx.example.net "
                    f"[192.0.2.{rng.randrange(1, 255)}])\r\n\tby in{hop}.bench.test with ESMTPS id "
                    f"{rng.getrandbits(32):08X};\r\n\t{email.utils.formatdate(when)}")
    signature = base64.b64encode(rng.randbytes(256)).decode()
    head.append("DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; h=from:to:subject;\r\n\tb="
                + "\r\n\t ".join(signature[i:i + 64] for i in range(0, len(signature), 64)))
    head += [f"From: {sender} <{sender.split()[0].lower()}@mail{rng.randrange(300)}.example.org>",
             f"To: {user}",
             f"Subject: {'Re: ' if thread else ''}{' '.join(rng.choices(WORDS, k=4))}",
             f"Date: {email.utils.formatdate(when)}", f"Message-ID: <{ident}>"]
    if thread:
        head += [f"In-Reply-To: <{thread[-1]}>",
                 "References: " + "\r\n\t".join(f"<{each}>" for each in thread[-10:])]
    head.append("MIME-Version: 1.0\r\n")
    thread.append(ident)
    top = "\r\n".join(head).encode()
    return top + body_of(rng, max(200, size - len(top)), pool)


@functools.cache
def attachment_pool():
    """Bytes to cut attachments from; made once in each process."""
    return random.Random("pool").randbytes(POOL_BYTES)


def write_mailbox(job):
    folder, user, count, small, now = job
    rng = random.Random(f"mailbox {user} {count} {small}")
    pool = attachment_pool()
    box = pathlib.Path(folder) / "Maildir"
    for part in ("cur", "new", "tmp"):
        (box / part).mkdir(parents=True, exist_ok=True)
    ages = sorted((rng.random() * DAYS * 86400 for _ in range(count)), reverse=True)
    threads, total, uids = [[]], 0, []
    for number, age in enumerate(ages):
        if rng.random() < 0.65:
            threads.append([])
        size = 3000 if small else int(min(12e6, max(1500, 8000 * math.exp(rng.gauss(0, 2.0)))))
        when = int(now - 60 - age)
        raw = message(rng, user, size, when, rng.choice(threads[-6:]), pool)
        name = f"{when}.M{number:06d}P1.bench,S={len(raw)},W={len(raw)}"
        path = box / "cur" / (name + ":2," + ("S" if rng.random() < 0.6 else ""))
        path.write_bytes(raw)
        os.utime(path, (when, when))
        uids.append(f"{number + 1} :{name}\n")
        total += len(raw)
    guid = hashlib.md5(user.encode()).hexdigest()
    (box / "dovecot-uidlist").write_text(f"3 V1700000000 N{count + 1} G{guid}\n" + "".join(uids))
    return total


def write_set(root, users, messages, now, small=False):
    """Writes one maildir per user below `root`; returns (messages, bytes)."""
    jobs = [(root / user, user, messages, small, now) for user in users]
    with concurrent.futures.ProcessPoolExecutor() as executor:
        total = sum(executor.map(write_mailbox, jobs))
    return len(jobs) * messages, total
