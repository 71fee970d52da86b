#!/usr/bin/env python3
"""Makes mailboxes full of varied, realistic mail, the same for the same arguments.

make_mailbox() gives the messages of one mailbox; write_maildir() puts them where Dovecot finds
them. Dates spread over the 120 days before `now`, so that some lie inside the window mailhaul
fetches first and some are backfill.
"""

import argparse
import base64
import dataclasses
import os
import pathlib
import random
import time

import mail_parts as parts
import mail_texts as texts

DAY = 86_400
SPAN_DAYS = 120
ARCHIVE_AFTER_DAYS = 60
PROJECTS = "Projekte/Büro"
ARCHIVE = "Archive/2025"
PICTURES = 32  # Different ones; drawing them takes most of the time.
ZONES = [0, 60, 120, -300, -480, 330, 540]


@dataclasses.dataclass
class Mail:
    folder: str   # With "/" between levels.
    flags: str    # Maildir letters in ASCII order: D draft, F flagged, R replied, S seen.
    date: int     # Seconds since 1970: the INTERNALDATE.
    raw: bytes


class Author:
    """Writes the messages of one mailbox. Every method returns the bytes of one message."""

    def __init__(self, owner_name, owner, seed, now):
        self.owner_name, self.owner, self.now = owner_name, owner, now
        self.random = random.Random(f"{seed}-{owner}")
        self.serial = 0

    def message_id(self):
        self.serial += 1
        local = self.owner.split("@")[0]
        return f"<{self.serial:05d}.{self.random.randrange(16**8):08x}.{local}@mail.example>"

    def boundary(self):
        return f"=_{self.random.randrange(16**12):012x}"

    def person(self):
        return self.random.choice(texts.PEOPLE)

    def body(self, language, paragraphs=3):
        choose = self.random.choices
        return "\n\n".join(" ".join(choose(texts.SENTENCES[language], k=4))
                           for _ in range(paragraphs)) + "\n"

    def headers(self, sender, recipient, subject, date, charset="utf-8", extra=()):
        return [("Received", "from mx.example (mx.example [192.0.2.25]) by mail.example with "
                 f"ESMTPS;\r\n {parts.date_header(date, 0)}"),
                ("Date", parts.date_header(date - 2, self.random.choice(ZONES))),
                ("From", parts.address(*sender[:2])), ("To", parts.address(*recipient[:2])),
                ("Subject", parts.encoded_word(subject, charset)), *extra]

    def identified(self, *arguments, **keywords):
        return [*self.headers(*arguments, **keywords), ("Message-ID", self.message_id())]

    def me(self):
        return (self.owner_name, self.owner)

    def incoming(self, date, subject=None, entity=None, language=None):
        """From somebody to the owner, with a plain text unless `entity` is given."""
        person = self.person()
        language = language or person[2]
        charset, encoding = self.random.choice(texts.CHARSETS[language])
        subject = self.random.choice(texts.SUBJECTS[language]) if subject is None else subject
        entity = entity or parts.text_part(self.body(language), charset, encoding)
        headers = self.identified(person, self.me(), subject, date,
                                  charset if charset != "shift_jis" else "utf-8")
        return parts.message(headers, entity)

    # The kinds, one method each.

    def plain(self, date):
        return self.incoming(date)

    def newsletter(self, date):
        issue = self.random.randrange(10, 400)
        html = (f"<html><body><h1>News {issue}</h1>" + "".join(
            f'<p style="color:#333">{sentence} <a href="https://news.example/{issue}/{i}">More'
            f"</a></p>" for i, sentence in enumerate(texts.SENTENCES["en"] * 6)) + "</body></html>")
        entity = parts.multipart("alternative", self.boundary(), [
            parts.text_part(self.body("en", 5)), parts.text_part(html, subtype="html")])
        headers = self.identified(("Weekly News", "news@letters.example"), self.me(),
                                  f"Weekly News, issue {issue}", date,
                                  extra=[("List-Id", "Weekly News <weekly.letters.example>"),
                                         ("List-Unsubscribe", "<https://letters.example/u?id=1>"),
                                         ("Precedence", "bulk")])
        return parts.message(headers, entity)

    def with_files(self, date):
        number = self.random.randrange(1000, 9999)
        files = [parts.file_part(parts.pdf(f"Invoice {number}", ["Total 1,250.00 EUR"]),
                                 "application/pdf", f"invoice-{number}.pdf"),
                 parts.file_part(parts.png(number % PICTURES), "image/png", f"photo {number}.png"),
                 parts.file_part(parts.docx([f"Contract {number}", "Between A and B."]),
                                 "application/vnd.openxmlformats-officedocument.wordprocessingml."
                                 "document", f"contract-{number}.docx")]
        chosen = self.random.sample(files, self.random.randrange(1, 4))
        return self.incoming(date, entity=parts.multipart(
            "mixed", self.boundary(), [parts.text_part(self.body("en")), *chosen]))

    def international_file_name(self, date):
        name = self.random.choice(["Übersicht über die Büromöbel – Entwurf für die Sitzung.pdf",
                                   "請求書_2025年3月分.pdf", "Договор поставки.pdf"])
        return self.incoming(date, entity=parts.multipart("mixed", self.boundary(), [
            parts.text_part(self.body("de")),
            parts.file_part(parts.pdf("Overview", ["One page."]), "application/pdf", name)]))

    def inline_image(self, date):
        content_id = f"logo{self.random.randrange(10**6)}@mail.example"
        html = f'<p>{self.body("fr", 2)}</p><img src="cid:{content_id}" alt="logo">'
        related = parts.multipart("related", self.boundary(), [
            parts.text_part(html, subtype="html"),
            parts.file_part(parts.png(self.serial % PICTURES), "image/png", "logo.png", "inline",
                            content_id)])
        return self.incoming(date, entity=parts.multipart("alternative", self.boundary(), [
            parts.text_part(self.body("fr", 2)), related]))

    def invitation(self, date):
        person = self.person()
        uid = f"{self.random.randrange(16**10):x}@calendar.example"
        event = parts.calendar(uid, "Planning", date + 3 * DAY, person[1], self.owner)
        entity = parts.multipart("alternative", self.boundary(), [
            parts.text_part("You are invited to: Planning\n"),
            parts.text_part(event, subtype="calendar", extra="; method=REQUEST")])
        return parts.message(self.identified(person, self.me(), "Invitation: Planning", date),
                             entity)

    def bounce(self, date):
        lost = "nobody@gone.example"
        status = (b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example"
                  b"\r\n\r\nFinal-Recipient: rfc822; " + lost.encode() + b"\r\nAction: failed\r\n"
                  b"Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 No such user\r\n")
        original = (b"Content-Type: text/rfc822-headers\r\n\r\nFrom: " + self.owner.encode() +
                    b"\r\nTo: " + lost.encode() + b"\r\nSubject: Offer\r\n")
        entity = parts.multipart("report", self.boundary(), [
            parts.text_part("Your message could not be delivered.\n", "us-ascii", "7bit"),
            status, original], extra="; report-type=delivery-status")
        headers = self.identified(("Mail Delivery System", "MAILER-DAEMON@mail.example"), self.me(),
                                  "Undelivered Mail Returned to Sender", date,
                                  extra=[("Return-Path", "<>"), ("Auto-Submitted", "auto-replied")])
        return parts.message(headers, entity)

    def broken(self, date):
        """What filters and old programs make: no last boundary, bad base64, an unknown charset."""
        bad = (b"Content-Type: text/plain; charset=x-unknown\r\n"
               b"Content-Transfer-Encoding: base64\r\n\r\nVGhpcyBpcyBub3Q*** base64 !!\r\n")
        raw_subject = "Caf\u00e9 ohne Kodierung".encode("windows-1252")
        entity = parts.multipart("mixed", self.boundary(), [
            bad, parts.text_part("A second part.\n")], closed=False)
        head = self.incoming(date, "MARK", entity)
        return head.replace(b"Subject: MARK", b"Subject: " + raw_subject, 1)

    def forwarded(self, date):
        inner = b"Content-Type: message/rfc822\r\n\r\n" + self.with_files(date - DAY)
        return self.incoming(date, "Fwd: see below", parts.multipart(
            "mixed", self.boundary(), [parts.text_part("Please see below.\n"), inner]))

    def empty_subject(self, date):
        return self.incoming(date, "")

    def long_subject(self, date):
        subject = " ".join(f"{word} {i}" for i in range(60) for word in ("very", "lang", "größer"))
        return self.incoming(date, subject)

    def no_mime(self, date):
        """As programs of the last century and many scripts send: neither MIME nor Message-ID."""
        return (f"From: cron@host.example\r\nTo: {self.owner}\r\nSubject: cron: backup\r\n"
                f"Date: {parts.date_header(date, 0)}\r\n\r\nFrom here on all is well.\r\n"
                ".\r\ndone\r\n").encode()

    def spam(self, date):
        html = base64.b64encode(b"<html><body><b>WIN</b></body></html>" * 30)
        entity = (b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
                  html + b"\r\n")  # One overlong line.
        return parts.message(self.identified(("Prize", "win@prize.example"), self.me(),
                                             "YOU WON $$$", date), entity)

    def large(self, date):
        entity = parts.multipart("mixed", self.boundary(), [
            parts.text_part("The film you asked for.\n"),
            parts.file_part(parts.large_file(), "application/zip", "film.zip")])
        return self.incoming(date, "The film", entity, "en")

    def conversation(self, date, turns):
        """A thread: yields (is_mine, date, bytes), each answering the one before."""
        person = self.person()
        language = person[2]
        charset, encoding = self.random.choice(texts.CHARSETS[language])
        subject, references, quoted = self.random.choice(texts.SUBJECTS[language]), [], ""
        for turn in range(turns):
            mine = turn % 2 == 1
            sender, recipient = (self.me(), person) if mine else (person, self.me())
            own_id, text = self.message_id(), self.body(language, 2)
            extra = [("Message-ID", own_id)]
            if references:
                extra += [("In-Reply-To", references[-1]), ("References", "\r\n ".join(references))]
            headers = self.headers(sender, recipient, ("Re: " if turn else "") + subject, date,
                                   extra=extra)
            yield mine, date, parts.message(
                headers, parts.text_part(text + "\n" + quoted, charset, encoding))
            references.append(own_id)
            quoted = "".join(f"> {line}\n" for line in text.splitlines())
            date = min(date + self.random.randrange(600, 2 * DAY), self.now - 60)


# Each kind and how often it appears among the single messages.
KINDS = [("plain", 30), ("newsletter", 14), ("with_files", 12), ("international_file_name", 5),
         ("inline_image", 6), ("invitation", 5), ("bounce", 3), ("broken", 2), ("forwarded", 3),
         ("empty_subject", 1), ("long_subject", 1), ("no_mime", 3)]


def _folder_for(author, date):
    """Where the owner would have filed an incoming message."""
    chance = author.random.random()
    if chance < 0.08:
        return PROJECTS
    if author.now - date > ARCHIVE_AFTER_DAYS * DAY and chance < 0.75:
        return ARCHIVE
    return "Trash" if chance > 0.96 else "INBOX"


def _flags(author, date):
    seen = author.now - date > 2 * DAY or author.random.random() < 0.5
    chances = (("F", 0.06), ("R", 0.15), ("S", 1.0 if seen else 0.0))
    return "".join(letter for letter, chance in chances if author.random.random() < chance)


def make_mailbox(owner_name, owner, count, now, seed=1, large=False):
    """Returns exactly `count` messages (at least 20, so that every kind appears)."""
    count = max(count, 20)
    author = Author(owner_name, owner, seed, now)
    when = lambda: int(now - author.random.randrange(3600, SPAN_DAYS * DAY))
    mails = []
    for kind, _ in KINDS:  # Every kind at least once.
        date = when()
        mails.append(Mail(_folder_for(author, date), _flags(author, date), date,
                          getattr(author, kind)(date)))
    date = when()
    mails.append(Mail("Junk", "", date, author.spam(date)))
    mails.append(Mail("Drafts", "DS", date, author.plain(date)))
    if large:
        mails.append(Mail("INBOX", "S", date, author.large(date)))
    while len(mails) < count:
        date = when()
        if author.random.random() < 0.35:
            for mine, sent, raw in author.conversation(date, author.random.randrange(2, 7)):
                folder = "Sent" if mine else _folder_for(author, sent)
                mails.append(Mail(folder, "S" if mine else _flags(author, sent), sent, raw))
        else:
            kind = author.random.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
            mails.append(Mail(_folder_for(author, date), _flags(author, date), date,
                              getattr(author, kind)(date)))
    return mails[:count]


def modified_utf7(name):
    """RFC 3501, 5.1.3: how IMAP and Dovecot's maildirs spell folder names."""
    out, wide = [], ""

    def flush():
        nonlocal wide
        if wide:
            encoded = base64.b64encode(wide.encode("utf-16-be")).decode().rstrip("=")
            out.append("&" + encoded.replace("/", ",") + "-")
            wide = ""
    for character in name:
        if " " <= character <= "~":
            flush()
            out.append("&-" if character == "&" else character)
        else:
            wide += character
    flush()
    return "".join(out)


def folder_path(maildir, folder):
    if folder == "INBOX":
        return maildir
    return maildir / ("." + modified_utf7(folder).replace("/", "."))


def write_maildir(maildir, mails):
    """The modification time is what Dovecot shows as INTERNALDATE."""
    maildir = pathlib.Path(maildir)
    for serial, mail in enumerate(mails):
        folder = folder_path(maildir, mail.folder)
        for name in ("cur", "new", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        if folder != maildir:
            (folder / "maildirfolder").touch()
        path = folder / "cur" / f"{mail.date}.M{serial:06d}.demo,S={len(mail.raw)}:2,{mail.flags}"
        path.write_bytes(mail.raw)
        os.utime(path, (mail.date, mail.date))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for the maildirs")
    parser.add_argument("--mailboxes", type=int, default=1)
    parser.add_argument("--messages", type=int, default=100, help="per mailbox")
    parser.add_argument("--now", type=int, default=int(time.time()), help="seconds since 1970")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for number in range(arguments.mailboxes):
        owner = f"user{number}@demo.example"
        write_maildir(arguments.out / owner / "Maildir",
                      make_mailbox(f"User {number}", owner, arguments.messages, arguments.now,
                                   arguments.seed, large=number == 0))


if __name__ == "__main__":
    main()
