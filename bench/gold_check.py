"""Checks the gold texts for personal-data detection and exports them.

    python3 bench/gold_check.py [--dir DIR…] [--jsonl OUT] [--quiet]

The gold texts are `crates/privet-pii/tests/it/fixtures/gold/<lang>.txt`; those of `heldout/` beside it were written by
others after the detector, and are checked and exported as well unless `--dir` names other folders.
Documents are separated by a line `---`; the first line of each is
`# <id> <kind>`; the rest is the text with inline annotation `[[TYPE|text]]`.

Conventions of the annotation:

* PERSON is a name without title or salutation.
* A postal address is one STREET_ADDRESS from street to country, over line
  breaks; a city or country in running text is LOCATION; a postcode that
  stands alone is ZIP_CODE (UK_POSTCODE in the United Kingdom).
* DATE_TIME is a calendar date or a clock time, with its zone where given;
  a date and a time that touch are one span. Spans such as "two weeks" or
  "tomorrow" are not annotated. A birth date is DATE_OF_BIRTH only.
* AGE is the number with the words that make it an age ("54 years old").
* ORGANIZATION includes the legal form; NRP is a nationality, a religion or
  a political group said of a person; names of languages are not annotated.
* The names of weekdays alone, order, article, policy and case numbers, and
  sums of money are not annotated.
* Kind `negative` has no annotation at all.
* `disguised.txt` annotates the disguised stretch under the type of what it
  hides; its documents carry the language as a third word of the first line.
  `<U+200B>` in a text stands for that character, so that characters without
  a glyph can be seen in the file; the export has the character itself.

The exit status is 1 if anything is wrong.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import re
import sys
import unicodedata

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/privet-pii/tests/it/fixtures"
GOLD, HELDOUT = FIXTURES / "gold", FIXTURES / "heldout"

KINDS = set(
    "email ticket contract cv chat log json minutes medical invoice form prompt negative disguised".split()
)

TYPES = set(
    """PERSON LOCATION ORGANIZATION NRP DATE_TIME STREET_ADDRESS EMAIL_ADDRESS
    PHONE_NUMBER CREDIT_CARD IBAN_CODE IP_ADDRESS MAC_ADDRESS URL CRYPTO
    DATE_OF_BIRTH AGE ZIP_CODE API_KEY PASSWORD USERNAME US_SSN SWIFT_CODE VIN
    MEDICAL_RECORD_NUMBER CVV CARD_EXPIRY UUID
    DE_TAX_ID DE_SOCIAL_SECURITY DE_ID_CARD DE_VAT_ID DE_PASSPORT ES_NIF ES_NIE
    IT_FISCAL_CODE IT_VAT_CODE IT_IDENTITY_CARD IT_PASSPORT PL_PESEL SE_PERSONNUMMER
    SE_ORGANISATIONSNUMMER TR_NATIONAL_ID IN_AADHAAR IN_PAN IN_PASSPORT UK_NINO
    UK_NHS UK_POSTCODE UK_PASSPORT US_PASSPORT US_DRIVER_LICENSE US_BANK_NUMBER US_ITIN
    FR_NIR BR_CPF BR_CNPJ NL_BSN BE_NN AT_SVNR CH_AHV CN_RESIDENT_ID
    JP_MY_NUMBER MX_CURP PT_NIF RU_INN RU_SNILS""".split()
)

MARK = re.compile(r"\[\[([A-Z_]+)\|(.*?)\]\]", re.S)
TITLE = re.compile(r"(Dr|Mr|Mrs|Ms|Mme|Mlle|Herr|Frau|Prof|Dott|Dra|Sr|Sra|Don|Doña|mw|dhr|Pan|Pani)\b\.? ")
ESCAPE = re.compile(r"<U\+([0-9A-F]{4,6})>")


def digits(text):
    """The decimal digits of `text` in any script, as a list of numbers."""
    return [unicodedata.decimal(c) for c in text if unicodedata.decimal(c, None) is not None]


def alnum(text):
    """The letters and digits of `text`, in upper case."""
    return "".join(c for c in text.upper() if c.isalnum())


def weighted(values, weights):
    """The sum of the products of two sequences."""
    return sum(v * w for v, w in zip(values, weights))


def luhn(text):
    """ISO/IEC 7812-1 annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits(text))):
        total += digit if place % 2 == 0 else digit * 2 - (9 if digit > 4 else 0)
    return total % 10 == 0


def card(text):
    """A payment card: 13 to 19 digits with the Luhn check."""
    return 13 <= len(digits(text)) <= 19 and luhn(text)


IBAN_LENGTH = dict(
    AT=20, BE=16, CH=21, DE=22, ES=24, FI=18, FR=27, GB=22, IE=22, IT=27, LU=20, NL=18,
    PL=28, PT=25, SE=24, TR=26, BR=29, AE=23, SA=24, NO=15, DK=18, EG=29, JO=30, KW=30,
)


def mod97(text):
    """The ISO/IEC 7064 MOD 97-10 remainder of `text`."""
    return int("".join(str(int(c, 36)) for c in text)) % 97


def iban(text):
    """ISO 13616-1: the length of the country and MOD 97-10."""
    code = alnum(text)
    return len(code) == IBAN_LENGTH.get(code[:2], 0) and mod97(code[4:] + code[:4]) == 1


def iso7064_mod11_10(numbers):
    """ISO/IEC 7064 MOD 11,10, check digit last."""
    product = 10
    for digit in numbers[:-1]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == numbers[-1]


def de_tax_id(text):
    """The German tax identification number (Bundeszentralamt für Steuern)."""
    d = digits(text)
    if len(d) != 11 or d[0] == 0:
        return False
    repeated = [n for n in collections.Counter(d[:10]).values() if n > 1]
    return len(repeated) == 1 and repeated[0] in (2, 3) and iso7064_mod11_10(d)


def de_vat_id(text):
    """The German VAT number: DE and nine digits, MOD 11,10."""
    d = digits(text)
    return len(d) == 9 and d[0] != 0 and iso7064_mod11_10(d)


def de_social_security(text):
    """The German pension insurance number (VKVV § 4)."""
    code = alnum(text)
    if not re.fullmatch(r"\d{8}[A-Z]\d{3}", code):
        return False
    wide = code[:8] + f"{ord(code[8]) - 64:02d}" + code[9:11]
    products = [int(c) * w for c, w in zip(wide, [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])]
    return sum(p // 10 + p % 10 for p in products) % 10 == int(code[11])


def mrz(text):
    """A document number with the ICAO Doc 9303 check digit last."""
    code = alnum(text)
    return weighted([int(c, 36) for c in code[:-1]], [7, 3, 1] * 10) % 10 == int(code[-1], 36)


def de_id_card(text):
    """The German identity card: nine characters, with or without check digit."""
    code = alnum(text)
    return bool(re.fullmatch(r"[CFGHJKLMNPRTVWXYZ0-9]{9}", code)) or (
        bool(re.fullmatch(r"[CFGHJKLMNPRTVWXYZ0-9]{9}\d", code)) and mrz(code)
    )


NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def es_nif(text):
    """The Spanish NIF of a natural person: the number modulo 23."""
    code = alnum(text)
    return bool(re.fullmatch(r"\d{8}[A-Z]", code)) and NIF_LETTERS[int(code[:8]) % 23] == code[8]


def es_nie(text):
    """The Spanish NIE: X, Y, Z count as 0, 1, 2."""
    code = alnum(text)
    return bool(re.fullmatch(r"[XYZ]\d{7}[A-Z]", code)) and es_nif(str("XYZ".index(code[0])) + code[1:])


def it_fiscal_code(text):
    """The Italian codice fiscale (D.M. 12 March 1974)."""
    code = alnum(text)
    if not re.fullmatch(r"[A-Z]{6}\d\d[ABCDEHLMPRST]\d\d[A-Z]\d{3}[A-Z]", code):
        return False
    odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]
    total = 0
    for place, c in enumerate(code[:15]):
        value = int(c) if c.isdigit() else ord(c) - 65
        total += odd[value] if place % 2 == 0 else value
    return chr(65 + total % 26) == code[15]


def it_vat_code(text):
    """The Italian partita IVA: eleven digits, Luhn."""
    return len(digits(text)) == 11 and luhn(text)


def pl_pesel(text):
    """The Polish PESEL."""
    d = digits(text)
    return len(d) == 11 and weighted(d, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 == 0


def se_personnummer(text):
    """The Swedish personnummer or samordningsnummer: Luhn over ten digits."""
    d = digits(text)[-10:]
    day = d[4] * 10 + d[5]
    return len(d) == 10 and luhn("".join(map(str, d))) and (1 <= day <= 31 or 61 <= day <= 91)


def se_organisationsnummer(text):
    """The Swedish organisationsnummer: Luhn, third digit at least 2."""
    d = digits(text)
    return len(d) == 10 and d[2] >= 2 and luhn(text)


def tr_national_id(text):
    """The Turkish T.C. kimlik numarası."""
    d = digits(text)
    return (
        len(d) == 11
        and d[0] != 0
        and (sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10 == d[9]
        and sum(d[:10]) % 10 == d[10]
    )


def in_aadhaar(text):
    """The Indian Aadhaar: twelve digits, Verhoeff, first digit at least 2."""
    d = digits(text)
    turn, check = list(range(10)), 0
    for digit in reversed(d):
        check = dihedral(check, turn[digit])
        turn = [[1, 5, 7, 6, 2, 8, 3, 0, 9, 4][v] for v in turn]
    return len(d) == 12 and d[0] >= 2 and check == 0


def dihedral(a, b):
    """The product in the dihedral group of order ten, as Verhoeff numbers it."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5


def in_pan(text):
    """The Indian PAN by its form."""
    return bool(re.fullmatch(r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", alnum(text)))


def uk_nhs(text):
    """The NHS number: modulo 11."""
    d = digits(text)
    return len(d) == 10 and weighted(d, range(10, 0, -1)) % 11 == 0


def uk_nino(text):
    """The British National Insurance number by its form."""
    return bool(
        re.fullmatch(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", alnum(text))
    )


def us_ssn(text):
    """The US social security number by the ranges that can be given out."""
    d = "".join(map(str, digits(text)))
    return bool(re.fullmatch(r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}", d))


def fr_nir(text):
    """The French NIR: 97 minus the remainder by 97 (2A and 2B as 19 and 18)."""
    code = alnum(text).replace("2A", "19").replace("2B", "18")
    return len(code) == 15 and 97 - int(code[:13]) % 97 == int(code[13:])


def mod11_tail(values, weights):
    """The Brazilian check digit: 11 minus the remainder, 10 and 11 as 0."""
    rest = weighted(values, weights) % 11
    return 0 if rest < 2 else 11 - rest


def br_cpf(text):
    """The Brazilian CPF (Receita Federal)."""
    d = digits(text)
    return (
        len(d) == 11
        and len(set(d)) > 1
        and d[9] == mod11_tail(d[:9], range(10, 1, -1))
        and d[10] == mod11_tail(d[:10], range(11, 1, -1))
    )


def br_cnpj(text):
    """The Brazilian CNPJ (Receita Federal)."""
    d, weights = digits(text), [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
    return len(d) == 14 and d[12] == mod11_tail(d[:12], weights[1:]) and d[13] == mod11_tail(d[:13], weights)


def nl_bsn(text):
    """The Dutch BSN: the eleven test."""
    d = digits(text)
    return len(d) == 9 and weighted(d, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 == 0


def be_nn(text):
    """The Belgian national number: 97 minus the remainder by 97."""
    code = "".join(map(str, digits(text)))
    if len(code) != 11:
        return False
    return any(97 - int(century + code[:9]) % 97 == int(code[9:]) for century in ("", "2"))


def at_svnr(text):
    """The Austrian social insurance number: check digit in fourth place."""
    d = digits(text)
    return len(d) == 10 and weighted(d, [3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == d[3]


def ch_ahv(text):
    """The Swiss AHV number: 756 and EAN-13."""
    d = digits(text)
    return len(d) == 13 and d[:3] == [7, 5, 6] and weighted(d, [1, 3] * 7) % 10 == 0


def cn_resident_id(text):
    """The Chinese resident identity number (GB 11643): MOD 11-2."""
    code = alnum(text)
    if not re.fullmatch(r"\d{17}[\dX]", code):
        return False
    total = sum(int(c) * pow(2, 17 - i, 11) for i, c in enumerate(code[:17]))
    return "10X98765432"[total % 11] == code[17]


def jp_my_number(text):
    """The Japanese individual number: modulo 11."""
    d = digits(text)
    if len(d) != 12:
        return False
    rest = weighted(d[:11], [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    return d[11] == (0 if rest <= 1 else 11 - rest)


def mx_curp(text):
    """The Mexican CURP: check digit over the 37 characters with Ñ."""
    code = alnum(text)
    if not re.fullmatch(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d", code):
        return False
    values = ["0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ".index(c) for c in code]
    return (10 - weighted(values[:17], range(18, 1, -1)) % 10) % 10 == values[17]


def pt_nif(text):
    """The Portuguese NIF: modulo 11."""
    d = digits(text)
    return len(d) == 9 and d[0] != 0 and mod11_tail(d[:8], range(9, 1, -1)) == d[8]


def ru_inn(text):
    """The Russian INN of ten or twelve digits."""
    d = digits(text)
    n10, n11, n12 = [2, 4, 10, 3, 5, 9, 4, 6, 8], [7, 2, 4, 10, 3, 5, 9, 4, 6, 8], [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]
    if len(d) == 10:
        return weighted(d, n10) % 11 % 10 == d[9]
    return len(d) == 12 and weighted(d, n11) % 11 % 10 == d[10] and weighted(d, n12) % 11 % 10 == d[11]


def ru_snils(text):
    """The Russian SNILS: modulo 101."""
    d = digits(text)
    return len(d) == 11 and weighted(d[:9], range(9, 0, -1)) % 101 % 100 == d[9] * 10 + d[10]


def vin(text):
    """A vehicle identification number: 17 characters; North American check digit."""
    code = alnum(text)
    if not re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", code):
        return False
    if code[0] not in "12345":
        return True
    value = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9]))
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    total = weighted([int(c) if c.isdigit() else value[c] for c in code], weights)
    return "0123456789X"[total % 11] == code[8]


def swift(text):
    """A business identifier code by its form (ISO 9362)."""
    return bool(re.fullmatch(r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?", alnum(text)))


BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def crypto(text):
    """A base58check or bech32 Bitcoin address by checksum, an Ethereum address by form."""
    if re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        return True
    if text.startswith("bc1"):
        data = [ "qpzry9x8gf2tvdw0s3jn54khce6mua7l".find(c) for c in text[3:]]
        check = 1
        for value in [3, 3, 0, 2, 3] + data:
            top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
            for bit, generator in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
                check ^= generator if top >> bit & 1 else 0
        return check in (1, 0x2BC830A3)
    number = 0
    for c in text:
        if c not in BASE58:
            return False
        number = number * 58 + BASE58.index(c)
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


RULES = {
    "CREDIT_CARD": card, "IBAN_CODE": iban, "DE_TAX_ID": de_tax_id, "DE_VAT_ID": de_vat_id,
    "DE_SOCIAL_SECURITY": de_social_security, "DE_ID_CARD": de_id_card, "ES_NIF": es_nif, "ES_NIE": es_nie,
    "IT_FISCAL_CODE": it_fiscal_code, "IT_VAT_CODE": it_vat_code, "PL_PESEL": pl_pesel,
    "SE_PERSONNUMMER": se_personnummer, "SE_ORGANISATIONSNUMMER": se_organisationsnummer,
    "TR_NATIONAL_ID": tr_national_id, "IN_AADHAAR": in_aadhaar, "IN_PAN": in_pan, "UK_NHS": uk_nhs,
    "UK_NINO": uk_nino, "US_SSN": us_ssn, "FR_NIR": fr_nir, "BR_CPF": br_cpf, "BR_CNPJ": br_cnpj,
    "NL_BSN": nl_bsn, "BE_NN": be_nn, "AT_SVNR": at_svnr, "CH_AHV": ch_ahv,
    "CN_RESIDENT_ID": cn_resident_id, "JP_MY_NUMBER": jp_my_number, "MX_CURP": mx_curp, "PT_NIF": pt_nif,
    "RU_INN": ru_inn, "RU_SNILS": ru_snils, "VIN": vin, "SWIFT_CODE": swift, "CRYPTO": crypto,
    "EMAIL_ADDRESS": lambda t: bool(re.fullmatch(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>.]{2,}", t)),
    "MAC_ADDRESS": lambda t: len(re.findall(r"[0-9A-Fa-f]", t)) == 12,
    "UUID": lambda t: bool(re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", t)),
    "PHONE_NUMBER": lambda t: 5 <= len(digits(t)) <= 16,
}

# One published example per rule: a rule that rejects it is itself wrong.
KNOWN = {
    "CREDIT_CARD": "4111 1111 1111 1111", "IBAN_CODE": "DE89 3704 0044 0532 0130 00", "DE_TAX_ID": "86095742719",
    "DE_VAT_ID": "DE136695976", "DE_SOCIAL_SECURITY": "15070649C103", "DE_ID_CARD": "T220001293",
    "ES_NIF": "12345678Z", "ES_NIE": "X1234567L", "IT_FISCAL_CODE": "RSSMRA85T10A562S",
    "PL_PESEL": "44051401359", "SE_PERSONNUMMER": "811228-9874", "SE_ORGANISATIONSNUMMER": "556036-0793",
    "TR_NATIONAL_ID": "10000000146", "UK_NHS": "943 476 5919", "FR_NIR": "2 55 08 14 168 025 38",
    "BR_CPF": "529.982.247-25", "BR_CNPJ": "11.222.333/0001-81", "NL_BSN": "111222333",
    "BE_NN": "85.07.30-033.28", "AT_SVNR": "1237 010180", "CH_AHV": "756.9217.0769.85",
    "CN_RESIDENT_ID": "11010519491231002X", "JP_MY_NUMBER": "123456789018", "MX_CURP": "HEGG560427MVZRRL04",
    "RU_INN": "500100732259", "RU_SNILS": "112-233-445 95", "VIN": "1M8GDM9AXKP042788",
    "IN_AADHAAR": "2341 2341 2346", "CRYPTO": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
}


class Document:
    """One gold text with its spans (offsets in UTF-8 bytes)."""

    def __init__(self, name, lang, kind, text, spans):
        self.name, self.lang, self.kind, self.text, self.spans = name, lang, kind, text, spans

    def record(self):
        """The document as the JSON line describes it."""
        return {"id": self.name, "lang": self.lang, "kind": self.kind, "text": self.text, "spans": self.spans}


def strip_marks(marked):
    """The text without annotation, and its spans."""
    text, spans, last = "", [], 0
    for mark in MARK.finditer(marked):
        text += marked[last : mark.start()]
        start = len(text.encode())
        text += mark.group(2)
        spans.append({"type": mark.group(1), "start": start, "end": len(text.encode())})
        last = mark.end()
    return text + marked[last:], spans


def parse(path, faults):
    """The documents of one file; what is wrong goes to `faults`."""
    documents = []
    raw = path.read_text(encoding="utf-8")
    for part in re.split(r"^---\n", raw, flags=re.M):
        head, _, body = part.strip("\n").partition("\n")
        header = re.fullmatch(r"# (\S+) (\S+)(?: ([a-z]{2}))?", head)
        if not header:
            faults.append(f"{path.name}: no header in {head[:60]!r}")
            continue
        name, kind, lang = header.group(1), header.group(2), header.group(3) or path.stem
        body = ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), body)
        text, spans = strip_marks(body)
        where = f"{path.name} {name}"
        if kind not in KINDS:
            faults.append(f"{where}: unknown kind {kind}")
        if "[[" in text or "]]" in text or re.search(r"\b[A-Z_]{3,}\|", text):
            faults.append(f"{where}: broken annotation")
        if "¤" in text:
            faults.append(f"{where}: unfilled placeholder")
        if kind == "negative" and spans:
            faults.append(f"{where}: annotation in a negative document")
        if kind != "negative" and not spans:
            faults.append(f"{where}: no annotation")
        for span in spans:
            piece = text.encode()[span["start"] : span["end"]].decode()
            if span["type"] not in TYPES:
                faults.append(f"{where}: unknown type {span['type']}")
            if not piece or piece != piece.strip():
                faults.append(f"{where}: empty span or blanks at the edge of {piece!r}")
            if span["type"] == "PERSON" and TITLE.match(piece):
                faults.append(f"{where}: a title inside PERSON {piece!r}")
            rule = RULES.get(span["type"])
            if rule and kind != "disguised" and not rule(piece):
                faults.append(f"{where}: {span['type']} does not check: {piece!r}")
        documents.append(Document(name, lang, kind, text, spans))
    return documents


def unmarked_repeats(document):
    """Annotated names and numbers that also stand unannotated in the same text."""
    raw = document.text.encode()
    found = []
    for span in document.spans:
        piece = raw[span["start"] : span["end"]]
        if len(piece) < 4:
            continue
        at = raw.find(piece)
        while at >= 0:
            end = at + len(piece)
            if not any(s["start"] < end and at < s["end"] for s in document.spans):
                found.append(piece.decode())
            at = raw.find(piece, end)
    return sorted(set(found))


def table(documents):
    """Counts per language and type, as text."""
    langs = sorted({d.lang for d in documents})
    counts = collections.Counter((d.lang, s["type"]) for d in documents for s in d.spans)
    types = sorted({t for _, t in counts}, key=lambda t: (-sum(counts[lang, t] for lang in langs), t))
    lines = [f"{'':22}" + "".join(f"{lang:>5}" for lang in langs) + "  total"]

    def row(name, values):
        lines.append(f"{name:22}" + "".join(f"{v or '':>5}" for v in values) + f"{sum(values):>7}")

    row("documents", [sum(d.lang == lang for d in documents) for lang in langs])
    row("negative", [sum(d.lang == lang and d.kind == "negative" for d in documents) for lang in langs])
    row("words", [sum(len(d.text.split()) for d in documents if d.lang == lang) for lang in langs])
    for name in types:
        row(name, [counts[lang, name] for lang in langs])
    row("spans", [sum(counts[lang, t] for t in types) for lang in langs])
    return "\n".join(lines)


def main():
    """Checks every file of the gold directory."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--dir", type=pathlib.Path, nargs="+", default=[GOLD, HELDOUT])
    options.add_argument("--jsonl", type=pathlib.Path)
    options.add_argument("--quiet", action="store_true", help="print faults only")
    options = options.parse_args()
    faults = [f"rule {name} rejects {text}" for name, text in KNOWN.items() if not RULES[name](text)]
    documents, disguised = [], []
    for path in (path for folder in options.dir for path in sorted(folder.glob("*.txt"))):
        (disguised if path.stem == "disguised" else documents).extend(parse(path, faults))
    names = collections.Counter(d.name for d in documents + disguised)
    faults += [f"id {name} is used {n} times" for name, n in names.items() if n > 1]
    for document in documents + disguised:
        faults += [f"{document.lang} {document.name}: {p!r} also stands unannotated" for p in unmarked_repeats(document)]
    if options.jsonl:
        with options.jsonl.open("w", encoding="utf-8") as out:
            for document in documents + disguised:
                out.write(json.dumps(document.record(), ensure_ascii=False) + "\n")
    if not options.quiet:
        print("Gold texts\n" + table(documents))
        if disguised:
            print("\nDisguised texts\n" + table(disguised))
    for fault in faults:
        print("FAULT", fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
