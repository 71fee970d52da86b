"""The pieces mail is made of: headers, MIME parts, and small real files to attach.

Written by hand rather than with Python's email package, because the demo wants what real programs
send (8-bit bodies, odd charsets, broken structure), and the same bytes from every Python version.
All lines end in CRLF.
"""

import base64
import binascii
import datetime
import email.utils
import functools
import io
import quopri
import random
import struct
import zipfile
import zlib

LINE_OCTETS = 76
LARGE_OCTETS = 9_000_000  # As base64 about 12 MB.


def base64_lines(data):
    encoded = base64.b64encode(data)
    lines = [encoded[i:i + LINE_OCTETS] for i in range(0, len(encoded), LINE_OCTETS)]
    return b"\r\n".join(lines) + b"\r\n"


def encoded_word(text, charset="utf-8"):
    """RFC 2047, cut so that no word exceeds 75 characters and no character is split."""
    if text.isascii():
        return text
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        charset = "utf-8"  # As mail programs do when the charset of the body is too small.
    words, piece = [], ""
    for character in text:
        if len(base64.b64encode((piece + character).encode(charset))) > 56 - len(charset):
            words.append(piece)
            piece = ""
        piece += character
    words.append(piece)
    return "\r\n ".join(f"=?{charset}?B?{base64.b64encode(w.encode(charset)).decode()}?="
                        for w in words)


def address(name, mail, charset="utf-8"):
    if not name:
        return mail
    if name.isascii():
        return f'"{name}" <{mail}>' if "," in name or "." in name else f"{name} <{mail}>"
    return f"{encoded_word(name, charset)} <{mail}>"


def text_part(text, charset="utf-8", encoding="quoted-printable", subtype="plain", extra=""):
    """One text part: its headers, an empty line, and its body."""
    data = text.replace("\r\n", "\n").replace("\n", "\r\n").encode(charset, errors="replace")
    if encoding == "base64":
        data = base64_lines(data)
    elif encoding == "quoted-printable":
        data = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    head = (f"Content-Type: text/{subtype}; charset={charset}{extra}\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n")
    return head.encode() + data


def file_part(data, content_type, name, disposition="attachment", content_id=None):
    """One attached file; a name beyond ASCII is written as RFC 2231 says."""
    parameter = f'filename="{name}"' if name.isascii() else rfc2231("filename", name)
    head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: base64\r\n"
    head += f"Content-Disposition: {disposition};\r\n {parameter}\r\n"
    if content_id:
        head += f"Content-ID: <{content_id}>\r\n"
    return head.encode() + b"\r\n" + base64_lines(data)


def rfc2231(parameter, value, charset="utf-8"):
    """Percent-encoded and, when long, continued over several numbered pieces."""
    encoded = "".join(chr(b) if chr(b).isalnum() and b < 128 else f"%{b:02X}"
                      for b in value.encode(charset))
    pieces, rest = [], encoded
    while rest:
        cut = 50 if "%" not in rest[48:50] else 48 + rest[48:50].index("%")
        pieces.append(rest[:cut])
        rest = rest[cut:]
    if len(pieces) == 1:
        return f"{parameter}*={charset}''{pieces[0]}"
    first = [f"{parameter}*0*={charset}''{pieces[0]}"]
    return ";\r\n ".join(first + [f"{parameter}*{i}*={p}" for i, p in enumerate(pieces) if i])


def multipart(subtype, boundary, parts, extra="", closed=True):
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"{extra}\r\n\r\n'
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return head.encode() + body + (b"--" + boundary.encode() + b"--\r\n" if closed else b"")


def message(headers, entity):
    """`headers`: pairs of name and value; `entity`: MIME headers, empty line and body."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return head.encode("utf-8") + b"MIME-Version: 1.0\r\n" + entity


def date_header(seconds, zone_minutes):
    sign = "-" if zone_minutes < 0 else "+"
    text = email.utils.formatdate(seconds + zone_minutes * 60, usegmt=True)
    return text.replace("GMT", f"{sign}{abs(zone_minutes) // 60:02d}{abs(zone_minutes) % 60:02d}")


@functools.lru_cache(maxsize=64)
def png(seed, width=96, height=64):
    """A real picture: a soft gradient with some noise, so that it does not shrink to nothing."""
    r = random.Random(f"png-{seed}")
    base = [r.randrange(256) for _ in range(3)]
    rows = b"".join(b"\0" + bytes((base[c] + x * (c + 1) + y * 2 + r.randrange(8)) & 255
                                  for x in range(width) for c in range(3))
                    for y in range(height))

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", binascii.crc32(kind + data)))
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows, 6)) +
            chunk(b"IEND", b""))


def pdf(title, lines):
    """One page of text; opens in any viewer."""
    shown = "".join(f"({line}) Tj T* " for line in [title, *lines])
    stream = f"BT /F1 12 Tf 72 760 Td 16 TL {shown}ET".encode("latin-1", errors="replace")
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
               b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
               b"/Resources << /Font << /F1 5 0 R >> >> >>",
               b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    out, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + (b"xref\n0 6\n0000000000 65535 f \n" + table +
                  b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out))


def docx(paragraphs):
    """A minimal Word document; the fixed time makes equal texts equal files."""
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    files = {
        "[Content_Types].xml":
            '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
            'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-'
            'package.relationships+xml"/><Override PartName="/word/document.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>'
            "</Types>",
        "_rels/.rels":
            '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/'
            '2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/'
            'officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
            "</Relationships>",
        "word/document.xml":
            '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/'
            f'wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>'}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), text,
                             zipfile.ZIP_DEFLATED)
    return out.getvalue()


def calendar(uid, summary, start, organizer, attendee):
    stamp = datetime.datetime.fromtimestamp(start, datetime.timezone.utc)
    return "\n".join([
        "BEGIN:VCALENDAR", "PRODID:-//Example//Calendar 1.0//EN", "VERSION:2.0", "METHOD:REQUEST",
        "BEGIN:VEVENT", f"UID:{uid}", f"DTSTAMP:{stamp:%Y%m%dT%H%M%SZ}",
        f"DTSTART:{stamp:%Y%m%dT%H%M%SZ}", "DURATION:PT1H", f"SUMMARY:{summary}",
        f"ORGANIZER:mailto:{organizer}", f"ATTENDEE;RSVP=TRUE:mailto:{attendee}",
        "END:VEVENT", "END:VCALENDAR", ""])


def large_file():
    """What a camera or an archive gives: bytes that do not compress."""
    return random.Random("large").randbytes(LARGE_OCTETS)
