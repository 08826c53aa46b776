"""Fills the templates with names of all countries and writes training texts: `python generate.py LISTS TEMPLATES OUT COUNT SEED`.

TEMPLATES is a folder of `<lang>.txt` and `<anything>.<lang>.txt`. A line of OUT is {"t", "s": [[byte, byte, kind]], "g": group, "h": held out}.
One template in twenty is held out (by a hash of its text) for model selection and calibration.
"""
import datetime
import glob
import hashlib
import json
import os
import random
import re
import sys
import unicodedata

from babel.dates import format_date, format_time

from nrp import FIRMS, NRP, ORG_WORDS, XX

SLOTS = "person first last city country region org nrp street address zip date time age phone email url iban card id number money product user month weekday".split()
PIECE = re.compile(r"\{(" + "|".join(SLOTS) + r")\}|\[([A-Z_]+):([^\]]*)\]")
KINDS = {"person": "PERSON", "first": "PERSON", "last": "PERSON", "city": "LOCATION", "country": "LOCATION", "region": "LOCATION", "org": "ORGANIZATION",
         "nrp": "NRP", "street": "STREET_ADDRESS", "zip": "ZIP", "address": "STREET_ADDRESS", "date": "DATE_TIME", "time": "DATE_TIME"}
KNOWN = {"PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME", "STREET_ADDRESS"}
LOCAL = {"en": ["en"], "de": ["de"], "nl": ["nl"], "sv": ["sv", "no", "da", "fi", "nb"], "fr": ["fr"], "es": ["es"], "it": ["it"], "pt": ["pt"], "pl": ["pl"], "tr": ["tr"],
         "ru": ["ru", "uk", "bg"], "ja": ["ja"], "zh": ["zh"], "hi": ["hi", "ne", "mr"], "ar": ["ar", "fa"]}
HOME = {"en": ["US", "GB", "CA", "AU", "IE", "NZ"], "de": ["DE", "AT", "CH"], "nl": ["NL", "BE"], "sv": ["SE", "NO", "DK", "FI"], "fr": ["FR", "BE", "CH", "CA"],
        "es": ["ES", "MX", "AR", "CO", "CL", "PE"], "it": ["IT"], "pt": ["PT", "BR"], "pl": ["PL"], "tr": ["TR"], "ru": ["RU", "UA", "KZ"], "ja": ["JP"],
        "zh": ["CN", "TW"], "hi": ["IN"], "ar": ["EG", "SA", "MA", "DZ", "IQ", "SY"]}
LOCALE = {"en": "en_US", "zh": "zh_CN", "pt": "pt_BR"}
R = random.Random()
L = {}
LATIN = []


def is_latin(text):
    return all(ord(c) < 0x250 or 0x1E00 <= ord(c) < 0x1F00 for c in text)


def load(path):
    L.update(json.load(open(path)))
    for language, pool in L["people"].items():
        if is_latin("".join(pool["first"][:50])):
            LATIN.append(language)
    L["human"] = [k for k in L["human"] if len(k) > 2 and k.isalpha()] if isinstance(L["human"], dict) else []
    everywhere = []
    for country, cities in L["cities"]["by_country"].items():
        everywhere += [(c, p, country) for c, p in cities]
    L["everywhere"] = [c for c in everywhere if is_latin(c[0])]
    # Towns weigh by the square root of their size: large ones are written about more.
    L["weights"] = cumulative([p ** 0.5 + 50 for _, p, _ in L["everywhere"]])
    L["home"], L["alt_w"] = {}, {}
    for language, codes in HOME.items():
        pool = [c for c in L["everywhere"] if c[2] in codes]
        L["home"][language] = (pool, cumulative([p ** 0.5 + 50 for _, p, _ in pool]))
    for language, pool in L["cities"]["alt"].items():
        pool = [c for c in pool if len(c[0]) > 1]
        home = HOME.get(language, [])
        L["alt_w"][language] = (pool, cumulative([(p ** 0.5) * (4 if c in home else 1) for _, p, c in pool]))
    L["regions_flat"] = [r for rs in L["regions"].values() for r in rs if is_latin(r)]
    L["street_latin"] = [k for k, v in L["streets"].items() if v and is_latin("".join(v[:20]))]
    L["address_latin"] = [k for k, v in L["addresses"].items() if v and is_latin("".join(v[:20]))]
    L["company_latin"] = [k for k, v in L["companies"].items() if v and is_latin("".join(v[:20]))]
    L["phrases"] = {}


def cumulative(weights):
    total, out = 0, []
    for w in weights:
        total += w
        out.append(total)
    return out


def pick_city(pool):
    cities, weights = pool
    return R.choices(cities, cum_weights=weights)[0]


def people(language):
    r = R.random()
    if language == "en":
        return "en" if r < 0.42 else R.choice(LATIN) if r < 0.95 else "xx"
    own = LOCAL[language]
    if language in ("ru", "ja", "zh", "hi", "ar"):
        return R.choice(own) if r < 0.2 else own[0] if r < 0.88 else R.choice(["en", "xx"] + LATIN)
    return own[0] if r < 0.5 else R.choice(own) if r < 0.6 else R.choice(LATIN) if r < 0.92 else "xx"


def first(pool):
    if pool == "xx" and R.random() < 0.5:
        return R.choice(XX)
    if pool == "en" and R.random() < 0.12 and L["human"]:
        return R.choice(L["human"])
    return R.choice(L["people"][pool]["first"])


def last(pool):
    if pool == "xx" and R.random() < 0.5:
        return R.choice(XX)
    return R.choice(L["people"][pool]["last"])


def person(language):
    pool = people(language)
    r = R.random()
    f = first(pool)
    l = last(pool) if R.random() < 0.9 else last(people(language))
    if pool in ("zh", "ja", "ko"):
        sep = R.choice(["", "", "", " "]) if pool == "ja" else "" if pool == "zh" or R.random() < 0.8 else " "
        return f if r < 0.06 else l if r < 0.08 else l + sep + f
    if r < 0.10:
        return f
    if r < 0.13:
        return l
    if r < 0.20:
        return f"{f} {R.choice('ABCDEFGHJKLMNPRSTVW')}. {l}"
    if r < 0.23:
        return f"{f} {first(pool)} {l}"
    if r < 0.26:
        return f"{R.choice('ABCDEFGHJKLMNPRSTVW')}. {l}"
    if r < 0.28:
        return f"{f}-{first(pool)} {l}"
    if r < 0.31:
        return f"{f} {l}-{last(pool)}"
    if r < 0.33:
        return f"{f} {l} {last(pool)}"
    if r < 0.35 and is_latin(f):
        return f"{f} {R.choice(['van', 'de', 'von', 'da', 'di', 'van der', 'van den', 'del', 'de la', 'al', 'ben', 'bin', 'Mc', 'O’', 'Mac', 'le', 'dos'])} {l}".replace("’ ", R.choice("'’")).replace("Mc ", "Mc").replace("Mac ", "Mac")
    return f"{f} {l}"


def city(language):
    if language in L["alt_w"] and R.random() < 0.85:
        return pick_city(L["alt_w"][language])[0]
    name = pick_city(L["home"][language] if R.random() < 0.45 else (L["everywhere"], L["weights"]))[0]
    return name


def country(language):
    pool = L["countries"][language]
    return R.choice(pool)


def region(language):
    if language in ("en",) and R.random() < 0.6:
        return R.choice(L["states"])
    js = [x for own in LOCAL[language] for x in L["js"]["state"].get(own, [])]
    if js and R.random() < 0.6:
        return R.choice(js)
    if language in ("ru", "ja", "zh", "hi", "ar"):
        return R.choice(js) if js else city(language)
    return R.choice(L["regions_flat"])


def locale_of(language, kind):
    own = [k for k in L[{"street": "streets", "address": "addresses", "company": "companies"}[kind]] if k.split("_")[0] in LOCAL[language] and L[{"street": "streets", "address": "addresses", "company": "companies"}[kind]][k]]
    foreign = {"en": 0.55, "ru": 0.08, "ja": 0.08, "zh": 0.08, "hi": 0.3, "ar": 0.2}.get(language, 0.3)
    return R.choice(own) if own and R.random() > foreign else R.choice(L[kind + "_latin"])


SUFFIX = "Street Road Avenue Lane Drive Court Way Boulevard Place Square Terrace Close Crescent Hill Row Walk Parkway Trail Circle St Rd Ave Ln Dr Blvd St. Rd. Ave. Blvd. Hwy Highway".split()
PRE = ["Rue de", "Rue", "Avenue de", "Boulevard", "Via", "Viale", "Piazza", "Calle", "Avenida", "Av.", "C/", "Plaza", "Rua", "Travessa", "Largo do", "ul.", "al.", "Ulica", "Strada", "Bd.", "Ulitsa", "Jalan", "Jl.", "Carrer de", "Paseo de", "Chemin de", "Place", "Quai", "Contrada", "Cours"]
POST = ["straße", "strasse", "weg", "gasse", "allee", "platz", "ring", "str.", "straat", "laan", "plein", "gracht", "dijk", "kade", "gatan", "vägen", "gata", "veien", "vegen", "gade", "vej", "vænget", "katu", "tie", "kuja", "polku", " utca", " út", " tér", " Sokak", " Caddesi", "ova", "ská", " ulice", "ska cesta", " ulica", "götu", "gata", "iela", " gatvė", " tänav"]


def street_name(language):
    r = R.random()
    if r < 0.5:
        name = R.choice(L["streets"].get(locale_of(language, "street")) or ["Main Street"])
        return name
    pool = people(language)
    base = R.choice([last(pool), first(pool), city(language).split()[0], R.choice("Park Station Church Mill Oak Maple Cedar Elm Lake River School High King Queen Market Spring Forest Garden Bridge Castle North South Union Victoria Washington Lincoln Jackson Sunset Highland".split())])
    if not is_latin(base):
        return R.choice(L["streets"].get(locale_of(language, "street")) or ["Main Street"])
    if r < 0.75:
        return f"{base} {R.choice(SUFFIX)}"
    if r < 0.86:
        return f"{R.choice(PRE)} {base}"
    return base + R.choice(POST)


def house():
    r = R.random()
    n = R.choice([R.randint(1, 99), R.randint(1, 400), R.randint(100, 9999), R.randint(1, 30)])
    if r < 0.08:
        return f"{n}{R.choice('abcdABC')}"
    if r < 0.11:
        return f"{n}/{R.randint(1, 40)}"
    if r < 0.13:
        return f"{n}-{n + 2}"
    return str(n)


UNIT = ["Apt. {}", "Apt {}", "Suite {}", "Suite {}", "Apt. {}", "Unit {}", "#{}", "Flat {}", "Floor {}", "App. {}", "No. {}", "PO Box {}", "2º {}", "Whg. {}", "lok. {}", "m. {}", "D:{}", "кв. {}", "bus {}", "Building {}", "Room {}"]


def street(language):
    """A street with a house number, in the order of some country."""
    name = street_name(language)
    if language in ("ja", "zh") and R.random() < 0.8:
        return name + (f"{R.randint(1, 9)}-{R.randint(1, 30)}-{R.randint(1, 30)}" if language == "ja" else f"{R.randint(1, 999)}号")
    r = R.random()
    text = f"{house()} {name}" if r < 0.55 and language == "en" or r < 0.25 else f"{name}, {house()}" if r > 0.9 else f"{name} {house()}"
    if R.random() < 0.22:
        text += R.choice([" ", ", ", " "]) + R.choice(UNIT).format(R.choice([str(R.randint(1, 999)), R.choice("ABCDEF"), f"{R.randint(1, 20)}{R.choice('ABCD')}"]))
    return text


def zip_code(language):
    return R.choice([f"{R.randint(10000, 99999)}", f"{R.randint(1000, 9999)}", f"{R.randint(10000, 99999)}-{R.randint(1000, 9999)}", f"{R.choice('ABCEGHLMNSTW')}{R.choice('ABERW')}{R.randint(1, 30)} {R.randint(1, 9)}{R.choice('ABDEFGHJ')}{R.choice('ABDEFGHJ')}",
                     f"{R.randint(1000, 9999)} {R.choice('ABCDEFGHJ')}{R.choice('ABCDEFGHJ')}", f"{R.randint(10, 99)}-{R.randint(100, 999)}", f"{R.randint(100000, 999999)}", f"{R.randint(100, 999)} {R.randint(10, 99)}", f"{R.choice('ABHKLMV')}{R.randint(1, 9)}{R.choice('ABCE')} {R.randint(1, 9)}{R.choice('ABCE')}{R.randint(1, 9)}",
                     f"{R.randint(10000, 99999)}", f"{R.randint(10000, 99999)}"])


def address(language):
    r = R.random()
    if r < 0.30:
        locale = locale_of(language, "address")
        text = R.choice(L["addresses"].get(locale) or ["1 Main Street\nSpringfield"])
        if R.random() < 0.5:
            text = text.replace("\n", R.choice([", ", " ", ", "]))
        if R.random() < 0.2:
            text += R.choice([", ", "\n", " "]) + country(language)
        return text
    c, z, s = city(language), zip_code(language), street(language)
    if R.random() < 0.15:
        c = c.upper()
    state = R.choice(L["state_codes"]) if R.random() < 0.6 else region(language)
    if language == "ja" and R.random() < 0.85:
        pre = f"〒{R.randint(100, 999)}-{R.randint(1000, 9999)}" + R.choice(["", " ", "\n"]) if R.random() < 0.4 else ""
        return pre + R.choice(L["js"]["state"].get("ja") or ["東京都"]) + R.choice(L["alt_w"]["ja"][0])[0] + street(language)
    if language == "zh" and R.random() < 0.85:
        return R.choice(L["js"]["state"].get("zh") or ["广东省"]) + R.choice(["", ""]) + city("zh") + R.choice(["", "市", "区"]) + street(language)
    sep = R.choice([", ", ", ", "\n", "\n", " ", "\n, ", " \n"])
    sep2 = R.choice([", ", " ", sep, sep, "\n "])
    end = R.choice(["", "", sep2 + country(language), R.choice([", ", "\n", "\n ", " "]) + country(language)])
    form = R.choice(["sczst", "szc", "szc", "scst", "sc", "sz", "sc", "scz", "scstz", "zcs", "scstcountryz"])
    if form == "sczst":
        return f"{s}{sep}{c}{sep2}{state} {z}{end}"
    if form == "scstz":
        return f"{s}{sep}{c}, {state} {z}{end}"
    if form == "szc":
        return f"{s}{sep}{z} {c}{end}"
    if form == "scst":
        return f"{s}{sep}{c}{sep2}{state}{end}"
    if form == "sc":
        return f"{s}{sep}{c}{end}"
    if form == "sz":
        return f"{s}{sep}{z}{end}"
    if form == "scz":
        return f"{s}{sep}{c}{sep2}{z}{end}"
    if form == "scstcountryz":
        return f"{s}{sep}{c}{sep2}{state}{R.choice([chr(10), ' ', ', '])}{R.choice(['', ' '])}{country(language)} {z}"
    return f"{z} {c}{sep}{s}"


SYL = "al an ar ba be bo ca co cor da de do dyn el en er eva fa fi ga gen go ha in ix ka ki lo lu lum ma me mi mo na ne no nov o or pa pi pro qua ra re ri ro sa sen si so sol sun sy syn ta te ti tra tri u va ve vi vo wa xa ya ze zen".split()
INC = ["Inc", "Inc.", "LLC", "Ltd", "Ltd.", "PLC", "GmbH", "AG", "S.A.", "SA", "SARL", "B.V.", "AB", "AS", "Oy", "S.p.A.", "S.r.l.", "Sp. z o.o.", "A.Ş.", "Co.", "Corp", "Corp.", "Group", "& Sons", "& Co", "and Sons", "Pty Ltd", "S.L.", "Ltda", "KG", "e.V.", "s.r.o.", "Kft."]


SHOP = """auto book pet food home power family sun star quick smart best value super mega thrift price save money tech soft net data web cyber micro info blue red green silver gold north west east city town
country mart world land zone way line plus point link works max pro fit care club depot barn house shop cart box hub star wise life line tronics tel com gen star jet bus bank loan cash pay fund
store yard garden lawn music sound video film game toy sport shoe wear fashion style beauty hair nail salon burger pizza taco coffee tea fresh farm grocer market basket""".split()


def brand_name():
    """A firm's name of one word, or few, as shops have them."""
    r = R.random()
    if r < 0.3:
        name = R.choice(L["vendors"]).split()[0].strip(",.\"()&-")
        return (name.capitalize() if name.isupper() and len(name) > 4 else name) or "Acme"
    if r < 0.45:
        a, b = R.choice(SHOP), R.choice(SHOP)
        return a.capitalize() + (b if R.random() < 0.7 else b.capitalize())
    if r < 0.6:
        return f"{R.choice(SHOP).capitalize()} {R.choice(SHOP).capitalize()}" + R.choice(["", "", " " + R.choice(ORG_WORDS["en"])])
    if r < 0.75:
        return last("en") + R.choice(["'s", "s", "'s", "’s", "", ""])
    if r < 0.85:
        return "".join(R.choice(SYL) for _ in range(R.randint(2, 3))).capitalize() + R.choice(["", "", "tech", "soft", "con", "tron", "mart", "net", "x"])
    single = [f for f in FIRMS if " " not in f]
    return R.choice(single)


def org(language):
    r = R.random()
    if R.random() < (0.28 if is_latin(LOCAL[language][0]) and language not in ("ru", "ja", "zh", "hi", "ar") else 0.08):
        return brand_name()
    if language in ("ru", "ja", "zh", "hi", "ar") and r < 0.6:
        own = [k for k in L["companies"] if k.split("_")[0] == language and L["companies"][k]]
        if own:
            return R.choice(L["companies"][R.choice(own)])
    if r < 0.14:
        return R.choice(FIRMS)
    if r < 0.34:
        name = R.choice(L["vendors"])
        if R.random() < 0.5:
            name = re.sub(r"[,.]* *(?:co\.|co|inc|ltd|llc|corp|corporation|limited|gmbh|company|incorporated|ag|s\.a|sa|pty|bv|ab|srl|spa|plc)\b\.?", "", name, flags=re.I).strip(" ,.&") or name
        return name.title() if name.isupper() and len(name) > 5 and R.random() < 0.7 else name
    if r < 0.52:
        return R.choice(L["companies"].get(locale_of(language, "company")) or FIRMS)
    pool = people(language)
    l = last(pool)
    word = R.choice(ORG_WORDS.get(language, ORG_WORDS["en"]) if R.random() < 0.6 else ORG_WORDS["en"])
    brand = "".join(R.choice(SYL) for _ in range(R.randint(2, 4))).capitalize()
    if r < 0.58:
        return f"{l} {R.choice(INC)}"
    if r < 0.64:
        return f"{brand} {R.choice(INC)}"
    if r < 0.70:
        return f"{brand} {word}"
    if r < 0.73:
        return brand
    if r < 0.78:
        return f"{l} {word}"
    if r < 0.86:
        c = city(language)
        return R.choice([f"{c} {word}", f"University of {c}", f"{c} University", f"Bank of {c}", f"FC {c}", f"{c} City Council", f"{word} {c}", f"Universität {c}", f"Université de {c}", f"{c} {R.choice(['General Hospital', 'School District', 'Police Department', 'Daily News', 'Chamber of Commerce'])}"])
    if r < 0.90:
        return "".join(R.choice("ABCDEFGHIKLMNOPRSTUVW") for _ in range(R.randint(2, 4)))
    if r < 0.94:
        return f"{R.choice(NRP['en'])} {word}"
    if r < 0.97:
        return f"{l} & {last(pool)}" + R.choice(["", " LLP", " " + R.choice(INC)])
    return f"{R.choice(['National', 'Royal', 'International', 'First', 'Global', 'American', 'European', 'New', 'United', 'General', 'Pacific', 'Northern'])} {word}" + R.choice(["", " " + R.choice(INC)])


def nrp(language):
    return R.choice(NRP[language])


def date(language):
    d = datetime.date(R.choice([R.randint(1930, 2035), R.randint(2005, 2028)]), R.randint(1, 12), R.randint(1, 28))
    locale = LOCALE.get(language, language)
    r = R.random()
    if r < 0.45:
        pattern = R.choice(["full", "long", "long", "medium", "short", "d MMMM", "d MMMM y", "MMMM y", "EEEE", "EEEE d MMMM", "MMM d", "d MMM y", "y", "MMMM d, y", "MMMM d", "MMMM"] if language not in ("ja", "zh") else ["full", "long", "long", "y年M月", "M月d日", "EEEE", "y年", "y年M月d日", "M月"])
        if pattern in ("full", "long", "medium", "short"):
            return format_date(d, pattern, locale=locale)
        return format_date(d, pattern, locale=locale)
    if r < 0.5 and language == "en":
        return R.choice([d.strftime("%B %-d" + R.choice(["st", "nd", "rd", "th"]) + R.choice(["", ", %Y", " %Y"])), d.strftime("the %-dth of %B"), d.strftime("%-d%b%Y"), d.strftime("%-dth %B %Y"), d.strftime("%A, %B %-d"), d.strftime("Q%m").replace("0", "") [:2] + d.strftime(" %Y"), d.strftime("%b '%y"), d.strftime("%b. %-d")])
    return d.strftime(R.choice(["%Y-%m-%d", "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%-d.%-m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%-d-%b-%Y", "%d-%b-%y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%-m/%-d", "%Y.%m.%d", "%-d.%-m.", "%Y", "%-d/%-m/%Y"]))


def clock(language):
    t = datetime.time(R.randint(0, 23), R.choice([0, 15, 30, 45, R.randint(0, 59)]), R.randint(0, 59))
    r = R.random()
    if language == "en" and r < 0.5:
        return R.choice([t.strftime("%-I:%M %p"), t.strftime("%-I%p").lower(), t.strftime("%-I %p").lower(), t.strftime("%-I:%M%p").lower(), t.strftime("%-I:%M pm"), t.strftime("%-I.%M am"), t.strftime("%-I a.m.")])
    if language == "de" and r < 0.5:
        return t.strftime(R.choice(["%H:%M Uhr", "%-H Uhr", "%H.%M Uhr", "%-H:%M Uhr"]))
    if language == "fr" and r < 0.5:
        return t.strftime(R.choice(["%-Hh%M", "%-Hh", "%-H heures", "%-H h %M"]))
    if language in ("ja", "zh") and r < 0.5:
        return R.choice(["午前", "午後", "", "上午", "下午"]) + t.strftime("%-I時%M分" if language == "ja" else "%-I点%M分")
    return t.strftime(R.choice(["%H:%M", "%H:%M", "%H:%M:%S", "%-H:%M", "%H.%M", "%-H:%M:%S"]))


def digits(n):
    return "".join(R.choice("0123456789") for _ in range(n))


def filler(slot, language):
    if slot == "person":
        return person(language)
    if slot == "first":
        return first(people(language))
    if slot == "last":
        return last(people(language))
    if slot in ("city", "country", "region", "org", "nrp", "street", "address", "date"):
        return {"city": city, "country": country, "region": region, "org": org, "nrp": nrp, "street": lambda l: street(l) if R.random() < 0.8 else street_name(l), "address": address, "date": date}[slot](language)
    if slot == "time":
        return clock(language)
    if slot == "zip":
        return zip_code(language)
    if slot == "age":
        return str(R.randint(1, 99))
    if slot == "phone":
        return R.choice([f"+{R.randint(1, 99)} {digits(3)} {digits(3)} {digits(4)}", f"({digits(3)}) 555-{digits(4)}", f"{digits(3)}-555-{digits(4)}", f"0{digits(3)} {digits(6)}", f"0{digits(9)}", f"+{digits(11)}", f"0{digits(1)} {digits(2)} {digits(2)} {digits(2)} {digits(2)}", f"{digits(3)}.555.{digits(4)}x{digits(3)}"])
    if slot == "email":
        f, l = (re.sub(r"[^a-z]", "", unicodedata.normalize("NFD", x.lower())) or "info" for x in (first("en"), last("en")))
        return R.choice([f"{f}.{l}", f"{f[0]}{l}", f"{f}{digits(2)}", f"{l}_{f}", f"{f}"]) + "@" + R.choice(["example.com", "example.org", "mail.example", "gmail.com", "firm.example", "hotmail.com", "web.example"])
    if slot == "user":
        return R.choice([first("en").lower() + digits(2), R.choice(SYL) + R.choice(SYL) + digits(2), "user_" + digits(3), R.choice(SYL) + "_" + R.choice(SYL), first("en").lower() + "_" + R.choice(SYL)])
    if slot == "url":
        return R.choice(["https://", "http://", "www."]) + R.choice(["example.com", "shop.example", "www.firm.example", "blog.example.org"]) + R.choice(["", "/", "/login", "/a/" + digits(4), "/index.html?id=" + digits(3)])
    if slot == "iban":
        b = R.choice(["DE", "FR", "GB", "NL", "ES", "IT", "PL", "CH", "SE"]) + digits(2) + R.choice(["", "", "NWBK", "ABNA"]) + digits(R.randint(12, 20))
        return b if R.random() < 0.5 else " ".join(b[i:i + 4] for i in range(0, len(b), 4))
    if slot == "card":
        c = R.choice("3456") + digits(15)
        return c if R.random() < 0.5 else R.choice(" -").join(c[i:i + 4] for i in range(0, 16, 4))
    if slot == "id":
        return R.choice([digits(R.randint(5, 12)), R.choice("ABCDEFXZ") + digits(R.randint(5, 9)), f"{R.choice(['INV', 'ORD', 'REF', 'CASE', 'TK', 'PO'])}-{digits(R.randint(4, 7))}", "%08x" % R.getrandbits(32), f"{digits(3)}-{digits(2)}-{digits(4)}", "%08x-%04x-4%03x-a%03x-%012x" % (R.getrandbits(32), R.getrandbits(16), R.getrandbits(12), R.getrandbits(12), R.getrandbits(48)), f"{digits(4)}/{digits(2)}"])
    if slot == "number":
        return R.choice([str(R.randint(0, 12)), str(R.randint(0, 100)), str(R.randint(100, 9999)), f"{R.randint(1, 99)}.{digits(1)}", f"{R.randint(1, 9)},{digits(3)}", f"{R.randint(1, 4)}.{R.randint(0, 20)}.{R.randint(0, 9)}"])
    if slot == "money":
        n = R.choice([f"{R.randint(1, 999)}", f"{R.randint(1, 999)}.{digits(2)}", f"{R.randint(1, 99)},{digits(3)}", f"{R.randint(1, 99)},{digits(2)}", f"{R.randint(1, 99)} million"])
        return R.choice([f"${n}", f"€{n}", f"{n} €", f"£{n}", f"{n} EUR", f"USD {n}", f"{n} dollars" if language == "en" else f"{n} €", f"{n} kr" if language == "sv" else f"{n} EUR", f"₹{n}" if language == "hi" else f"¥{n}" if language in "jazh" else f"{n} zł" if language == "pl" else f"{n} TL" if language == "tr" else f"€ {n}"])
    if slot == "product":
        return R.choice(L["products"]).lower() if R.random() < 0.5 else f"{R.choice(['Galaxy', 'Pixel', 'Comfort', 'Smart', 'Ultra', 'Power', 'Aqua', 'Neo', 'Turbo', 'Eco', 'Vision', 'Mega'])} {R.choice(['Pro', 'Max', 'Plus', 'X', 'Mini', 'One', 'Air', digits(1), digits(3), 'S' + digits(2)])}"
    d = datetime.date(2024, R.randint(1, 12), R.randint(1, 28))
    return format_date(d, "MMMM" if slot == "month" else "EEEE", locale=LOCALE.get(language, language))


def typo(text):
    if len(text) < 5 or not text.isalpha():
        return text
    i = R.randrange(1, len(text) - 1)
    return R.choice([text[:i] + text[i + 1:], text[:i] + text[i + 1] + text[i] + text[i + 2:], text[:i] + text[i] + text[i:]])


def fill(template, language):
    """Pieces of text with their kinds: None outside entities, IGNORE where a label would be a guess."""
    out, at, pools = [], 0, {}
    for m in PIECE.finditer(template):
        if m.start() > at:
            out.append([template[at:m.start()].replace("\\n", "\n").replace("\\t", "\t"), None])
        if m.group(1):
            value, kind = filler(m.group(1), language), KINDS.get(m.group(1))
            if m.group(1) in ("month", "weekday"):
                kind = "IGNORE"
            elif m.group(1) == "street" and not re.search(r"\d", value):
                kind = "STREET_ADDRESS"
        else:
            value, kind = m.group(3).replace("\\n", "\n"), m.group(2) if m.group(2) in KNOWN else None
        r = R.random()
        if kind and kind != "IGNORE" and value:
            if r < 0.03:
                value = value.lower()
            elif r < 0.06:
                value = value.upper()
            elif r < 0.09:
                value = "".join(c for c in unicodedata.normalize("NFD", value) if not 0x300 <= ord(c) < 0x370)
            elif r < 0.11:
                value = " ".join(typo(w) for w in value.split(" "))
        out.append([value, kind])
        at = m.end()
    if at < len(template):
        out.append([template[at:].replace("\\n", "\n").replace("\\t", "\t"), None])
    return merge(out)


def merge(pieces):
    """First and last name become one person; a street with the postcode and town around it one address."""
    out = []
    for value, kind in pieces:
        if kind == "PERSON" and len(out) > 1 and out[-2][1] == "PERSON" and out[-1][1] is None and out[-1][0] in (" ", "", "-", "·", "・"):
            gap = out.pop()[0]
            out[-1][0] += gap + value
            continue
        if len(out) > 1 and out[-1][1] is None and re.fullmatch(r"[\s,]*", out[-1][0]) and (
                out[-2][1] == "STREET_ADDRESS" and kind in ("ZIP", "LOCATION") or out[-2][1] == "ZIP" and kind == "STREET_ADDRESS"
                or out[-2][1] == "ZIP" and kind == "LOCATION" and len(out) > 2 and out[-3][1] == "STREET_ADDRESS"):
            gap = out.pop()[0]
            out[-1] = [out[-1][0] + gap + value, "STREET_ADDRESS"]
            continue
        out.append([value, kind])
    return out


def augment(pieces, language):
    r = R.random()
    change = None
    if r < 0.13:
        change = str.lower
    elif r < 0.18:
        change = str.upper
    elif r < 0.21:
        change = lambda s: "".join(c for c in unicodedata.normalize("NFD", s) if not 0x300 <= ord(c) < 0x370) if language not in ("hi", "ja") else s
    elif r < 0.24:
        change = lambda s: re.sub(r"[A-Za-z]+", lambda m: typo(m.group()) if R.random() < 0.12 else m.group(), s)
    elif r < 0.26:
        change = lambda s: s.replace(",", "").replace(".", "") if not re.search(r"\d", s) else s
    elif r < 0.28:
        change = lambda s: re.sub(r"\b[a-zà-ÿ]", lambda m: m.group().upper(), s)
    if change:
        pieces = [[change(v), k] for v, k in pieces]
    if pieces and pieces[-1][1] is None and R.random() < 0.15:
        pieces[-1][0] = pieces[-1][0].rstrip(".!?。")
    r = R.random()
    if r < 0.04:
        key = R.choice(["text", "message", "note", "comment", "content", "body", "description", "value", "title", "q"])
        pieces = [['{"' + key + '": "', None]] + [[v.replace("\n", "\\n").replace('"', '\\"'), k] for v, k in pieces] + [['"}', None]]
    elif r < 0.06:
        pieces = [[R.choice(["> ", "- ", "* ", "1. ", "# ", "Q: ", "A: ", "<p>", "\t", "// ", "User: ", "assistant: "]), None]] + pieces
    elif r < 0.075 and language == "en":
        pieces = [[R.choice(["hey ", "hi, ", "ok so ", "pls ", "lol ", "yeah ", "btw ", "hello. ", "FYI: ", "Re: "]), None]] + pieces
    return pieces


LEVELS = ["INFO", "WARN", "ERROR", "DEBUG", "info", "warning", "TRACE", "notice"]
MODS = "systemd kernel sshd cron nginx postgres app worker api gateway scheduler dpkg apt docker containerd NetworkManager auth db cache http main server client session loader queue".split()
MSGS = ["Started Session {n} of user root.", "status installed lib{w}{n}:amd64 {v}", "connection from 10.0.{n}.{n} port {n}", "accepted publickey for {w}", "GET /api/v1/{w}/{n} 200 {n}ms", "cannot open shared object file: No such file", "upgrade {w}-{w}:amd64 {v} {v}", "job {w} done in {n}.{n}s", "Reached target Multi-User System.", "Listening on D-Bus System Message Bus Socket.", "retry {n}/{n} after timeout", "loaded module {w}_{w}", "configure {w}:all {v} <none>", "trigproc {w} {v}", "panic: index out of range [{n}] with length {n}", "at com.example.{w}.{W}{W}.run({W}{W}.java:{n})", "File \"/usr/lib/python3/{w}/{w}.py\", line {n}, in {w}", "OutOfMemoryError: Java heap space", "pid={n} uid={n} comm=\"{w}\" exe=\"/usr/bin/{w}\"", "Finished Daily apt upgrade and clean activities.", "{W}{W}Error: {w} is not {w}", "session opened for user {w}"]
NOUNS = "user order item node list map cache token value index table query buffer stream handler config client server session worker batch array string vector matrix frame record event state button window view model parser lexer graph tree path file hash lock thread socket packet byte char float event option result builder factory service".split()


def log_lines():
    d = datetime.datetime(2024, R.randint(1, 12), R.randint(1, 28), R.randint(0, 23), R.randint(0, 59), R.randint(0, 59))
    form = R.choice(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%b %d %H:%M:%S", "[%d/%b/%Y:%H:%M:%S +0000]", "%Y/%m/%d %H:%M:%S", "%H:%M:%S.123"])
    host = R.choice(["", "", "host1 ", "localhost ", "web-3 "])
    pieces = []
    for _ in range(R.randint(1, 9)):
        d += datetime.timedelta(seconds=R.randint(0, 400))
        message = re.sub(r"\{(\w)\}", lambda m: {"n": str(R.randint(0, 300)), "w": R.choice(NOUNS), "W": R.choice(NOUNS).capitalize(), "v": f"{R.randint(0, 9)}.{R.randint(0, 20)}.{R.randint(0, 9)}-{R.randint(1, 9)}+deb12u{R.randint(1, 5)}"}[m.group(1)], R.choice(MSGS))
        pieces += [[d.strftime(form), "DATE_TIME"], [f" {host}{R.choice(['', R.choice(MODS) + f'[{R.randint(1, 9999)}]: ', R.choice(LEVELS) + ' ', R.choice(LEVELS) + ' ' + R.choice(MODS) + ': '])}{message}\n", None]]
    return pieces


def read(folder):
    kept = {}
    for path in sorted(glob.glob(folder + "/*.txt")):
        language = os.path.basename(path).split(".")[-2]
        for line in open(path, encoding="utf8"):
            line = line.rstrip("\n")
            if line.strip() and not line.startswith("#"):
                kept.setdefault(language, []).append(line)
    return kept


def main(lists, folder, out, count, seed):
    R.seed(int(seed))
    load(lists)
    templates = read(folder)
    print({k: len(v) for k, v in templates.items()})
    out = open(out, "w")
    weights = {k: (3.2 if k == "en" else 1.0) * (min(len(v), 400) / 400) ** 0.5 for k, v in templates.items()}
    languages, shares = list(weights), cumulative(weights.values())
    for _ in range(int(count)):
        language = R.choices(languages, cum_weights=shares)[0]
        held = False
        if R.random() < 0.025:
            pieces, group = log_lines(), "log"
        else:
            template = R.choice(templates[language])
            held = hashlib.sha256(template.encode()).digest()[0] < 13
            pieces, group = augment(fill(template, language), language), language
            while R.random() < 0.22:
                other = R.choice(templates[language])
                if (hashlib.sha256(other.encode()).digest()[0] < 13) == held:
                    pieces = pieces + [[R.choice([" ", "\n", " ", "\n\n", ". "]), None]] + augment(fill(other, language), language)
        text, spans, at = [], [], 0
        for value, kind in pieces:
            size = len(value.encode())
            lead = len(value) - len(value.lstrip())
            if kind and kind != "ZIP" and value.strip():
                spans.append([at + len(value[:lead].encode()), at + len(value.rstrip().encode()), kind])
            text.append(value)
            at += size
        out.write(json.dumps({"t": "".join(text), "s": spans, "g": group, "h": held}, ensure_ascii=False) + "\n")


main(*sys.argv[1:])
