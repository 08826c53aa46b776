//! Words beside a value that say what it is.
//!
//! They count as whole words only: `duplicate` never stands for `lic`. The neighbourhood of a value is spelt out as
//! lower-case words between single spaces, split at `_`, `-`, digits and camelCase, in which [`Phrases`] finds them.

use aho_corasick::BuildError;

use super::false_friends::elsewhere;
use super::phrases::{Phrases, Place};
pub(crate) use super::spelling::{is_spaced_script, spell, spell_with};
use super::words::Lexicon;
use crate::language::{Language, Languages};

/// A set of subjects that words can speak of.
pub(crate) type Topics = u32;

/// Payment cards.
pub(crate) const CARD: Topics = 1;
/// Telephones.
pub(crate) const PHONE: Topics = 1 << 1;
/// Words that often, but not only, stand beside telephone numbers.
pub(crate) const PHONE_HINT: Topics = 1 << 2;
/// US social security numbers.
pub(crate) const SSN: Topics = 1 << 3;
/// Birth.
pub(crate) const BIRTH: Topics = 1 << 4;
/// Credentials.
pub(crate) const SECRET: Topics = 1 << 5;
/// Software versions.
pub(crate) const VERSION: Topics = 1 << 6;
/// Numbers that count or name things, not telephones.
pub(crate) const OTHER_NUMBER: Topics = 1 << 7;
/// Words that make `secret` or `token` a count or a setting (`max_tokens`), not a credential.
pub(crate) const NOT_SECRET: Topics = 1 << 8;
/// Addresses of machines.
pub(crate) const ADDRESS: Topics = 1 << 9;

/// Passwords, among the credentials.
pub(crate) const PASS: Topics = 1 << 10;

const WORDS: &[(Topics, &[&str])] = &[
    (
        CARD,
        &[
            "card",
            "cards",
            "visa",
            "mastercard",
            "amex",
            "american express",
            "discover",
            "maestro",
            "jcb",
            "diners",
            "unionpay",
            "rupay",
            "verve",
            "troy",
            "credit",
            "debit",
            "cc",
            "ccn",
            "pan",
            "cvv",
            "cvc",
            "karte",
            "kreditkarte",
            "kartennummer",
            "carte",
            "carte bancaire",
            "tarjeta",
            "carta",
            "carta di credito",
            "cartão",
            "creditcard",
            "cardnumber",
        ],
    ),
    (
        PHONE,
        &[
            "phone",
            "phones",
            "telephone",
            "tel",
            "tél",
            "téléphone",
            "telefon",
            "telefonnummer",
            "telefono",
            "teléfono",
            "telefone",
            "telefoon",
            "telefoonnummer",
            "telepono",
            "fon",
            "cell",
            "cellphone",
            "cellular",
            "mobile",
            "mob",
            "mobil",
            "mobilnummer",
            "mobiltelefon",
            "móvil",
            "movil",
            "cellulare",
            "celular",
            "handy",
            "handynummer",
            "rufnummer",
            "festnetz",
            "fax",
            "telefax",
            "whatsapp",
            "viber",
            "sms",
            "pager",
            "hotline",
            "landline",
            "voicemail",
            "dial",
            "call",
            "calls",
            "called",
            "calling",
            "phoned",
            "text me",
            "text him",
            "text her",
            "text us",
            "ring me",
            "reach me",
            "reach him",
            "reach her",
            "reach us",
            "reachable",
            "answering",
            "numéro",
            "appeler",
            "appelez",
            "appelle",
            "llamar",
            "llame",
            "llámame",
            "llama",
            "chiamare",
            "chiama",
            "chiamami",
            "anrufen",
            "ruf",
            "rufen",
            "durchwahl",
            "phonenumber",
            "msisdn",
            "telefoni",
            "komórka",
            "komórkowy",
            "stacjonarny",
            "zadzwoni",
            "zadzwoń",
            "dzwońcie",
            "telemóvel",
            "telefonnr",
            "gsm",
            "telefonu",
            "телефон",
            "тел",
            "моб",
            "мобильный",
            "звоните",
            "позвоните",
            "फ़ोन",
            "फोन",
            "मोबाइल",
            "लैंडलाइन",
            "दूरभाष",
            "هاتف",
            "الهاتف",
            "جوال",
            "الجوال",
            "موبايل",
            "المحمول",
            "الاتصال",
            "電話",
            "携帯",
            "手机",
            "手機",
            "电话",
            "telephoned",
            "ring him",
            "ring her",
            "ring us",
            "reached at",
            "reached on",
            "call back",
            "callback",
            "voice mail",
            "tel no",
            "telefonisch",
            "telefonnummern",
            "handynr",
            "mobilnr",
            "rückruf",
            "rückrufnummer",
            "erreichbar",
            "zurückrufen",
            "ruft",
            "téléphonique",
            "téléphoner",
            "télécopie",
            "joindre",
            "joignable",
            "rappeler",
            "rappelez",
            "rappelle",
            "appelle moi",
            "teléfonos",
            "telefónico",
            "tfno",
            "tlf",
            "tlfn",
            "móviles",
            "llamarme",
            "llámeme",
            "llamadme",
            "llamada",
            "marque",
            "cellulari",
            "recapito",
            "telefonico",
            "telefonare",
            "richiamare",
            "richiamatemi",
            "chiamate",
            "chiamarmi",
            "telemovel",
            "telefonar",
            "ligar",
            "ligue",
            "ligar me",
            "telefones",
            "mobiel",
            "mobiele",
            "mobieltje",
            "bellen",
            "terugbellen",
            "bereikbaar",
            "telefonem",
            "telefonicznie",
            "telefoniczny",
            "komórkę",
            "komórki",
            "komórkowego",
            "kom",
            "dzwonić",
            "zadzwonić",
            "oddzwonić",
            "mobilen",
            "mobilnumret",
            "telefonen",
            "telefonnumret",
            "mobiltelefonen",
            "ringa",
            "ring mig",
            "nås på",
            "telefonum",
            "telefonumu",
            "telefonunuz",
            "cep",
            "cebim",
            "arayın",
            "arayabilirsiniz",
            "ulaşabilirsiniz",
            "телефона",
            "телефону",
            "телефоне",
            "телефоном",
            "телефоны",
            "мобильного",
            "мобильному",
            "мобильная",
            "сотовый",
            "сотового",
            "звонить",
            "перезвоните",
            "позвонить",
            "связи",
            "फोन नंबर",
            "कॉल",
            "هاتفي",
            "هاتفه",
            "هاتفها",
            "والهاتف",
            "وهاتف",
            "وهاتفي",
            "وهاتفه",
            "جوالي",
            "جواله",
            "جوالها",
            "والجوال",
            "وجوال",
            "وجوالي",
            "وجواله",
            "موبايلي",
            "الموبايل",
            "والموبايل",
            "والمحمول",
            "اتصل",
            "اتصلوا",
            "للتواصل",
            "致电",
            "座机",
            "固话",
            "連絡先",
            "联系方式",
        ],
    ),
    (
        PHONE_HINT,
        &[
            "office", "desk", "home", "work", "number", "nummer", "número", "numero", "contact", "reach",
            "portable", "direct",
        ],
    ),
    (
        SSN,
        &[
            "ssn",
            "ssns",
            "ss n",
            "social security",
            "social security number",
            "socialsecurity",
            "social insurance",
            "s s n",
            "soc sec",
        ],
    ),
    (
        BIRTH,
        &[
            "born",
            "birth",
            "birthday",
            "birthdate",
            "birthdays",
            "bday",
            "b day",
            "dob",
            "d o b",
            "bdate",
            "geboren",
            "geb",
            "geburtstag",
            "geburtsdatum",
            "geburtsdat",
            "né",
            "née",
            "naissance",
            "anniversaire",
            "nacido",
            "nacida",
            "nací",
            "nació",
            "nacimiento",
            "cumpleaños",
            "nato",
            "nata",
            "nascita",
            "compleanno",
            "nascido",
            "nascida",
            "nasci",
            "nasceu",
            "nascimento",
            "aniversário",
            "geboortedatum",
            "verjaardag",
            "urodzony",
            "urodzona",
            "urodzenia",
            "född",
            "födelsedatum",
            "født",
            "fødselsdato",
            "syntynyt",
            "syntymäaika",
            "ur",
            "urodzenie",
            "doğum",
            "dogum",
            "doğumlu",
            "doğdu",
            "родился",
            "родилась",
            "рождения",
            "г р",
            "जन्म",
            "जन्मतिथि",
            "الميلاد",
            "مولود",
            "مولودة",
            "المولود",
            "المولودة",
            "مواليد",
            "生年月日",
            "生まれ",
            "出生",
            "生日",
            "生于",
        ],
    ),
    (
        SECRET,
        &[
            "password",
            "passwords",
            "passwd",
            "passphrase",
            "passcode",
            "pwd",
            "pswd",
            "passwort",
            "kennwort",
            "contraseña",
            "mot de passe",
            "senha",
            "wachtwoord",
            "hasło",
            "lösenord",
            "secret",
            "secrets",
            "token",
            "tokens",
            "api key",
            "apikey",
            "access key",
            "accesskey",
            "private key",
            "privatekey",
            "secret key",
            "secretkey",
            "signing key",
            "encryption key",
            "auth key",
            "account key",
            "authorization",
            "bearer",
            "credential",
            "credentials",
        ],
    ),
    (
        PASS,
        &[
            "password",
            "passwords",
            "passwd",
            "passphrase",
            "passcode",
            "pwd",
            "pswd",
            "passwort",
            "kennwort",
            "contraseña",
            "mot de passe",
            "passe",
            "senha",
            "wachtwoord",
            "hasło",
            "lösenord",
            "pass",
            "parola",
            "şifre",
            "пароль",
            "密码",
            "密碼",
            "パスワード",
            "पासवर्ड",
        ],
    ),
    (
        NOT_SECRET,
        &[
            "max",
            "count",
            "counts",
            "limit",
            "limits",
            "usage",
            "total",
            "prompt",
            "completion",
            "input",
            "output",
            "per",
            "type",
            "length",
            "policy",
            "expires",
            "expiry",
            "uri",
            "url",
            "endpoint",
            "name",
            "id",
            "file",
            "path",
            "hint",
            "field",
            "budget",
        ],
    ),
    (
        VERSION,
        &[
            "version", "versions", "ver", "v", "release", "build", "firmware", "revision", "oid",
        ],
    ),
    (
        ADDRESS,
        &[
            "ip",
            "ips",
            "ipv4",
            "ip address",
            "address",
            "addr",
            "host",
            "server",
            "ping",
            "dns",
            "gateway",
            "client",
            "remote",
        ],
    ),
    (
        OTHER_NUMBER,
        &[
            "order",
            "orders",
            "invoice",
            "ticket",
            "ref",
            "reference",
            "tracking",
            "isbn",
            "issn",
            "ean",
            "upc",
            "gtin",
            "serial",
            "sku",
            "part",
            "model",
            "case",
            "po",
            "item",
            "account",
            "acct",
            "iban",
            "id",
            "ids",
            "version",
            "build",
            "commit",
            "port",
            "page",
            "pages",
            "timestamp",
            "hash",
            "checksum",
            "bestellung",
            "bestellnummer",
            "rechnung",
            "rechnungsnummer",
            "facture",
            "commande",
            "pedido",
            "factura",
            "ordine",
            "fattura",
            "sum",
            "total",
            "price",
            "amount",
            "balance",
        ],
    ),
];

/// What the words round a place speak of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around {
    /// Anywhere in the window to the left, or outside the text.
    pub(crate) left: Topics,
    /// To the left, within [`NEAR`] bytes, or outside the text.
    pub(crate) near: Topics,
    /// The very word to the left.
    pub(crate) before: Topics,
    /// Anywhere in the window to the right.
    pub(crate) right: Topics,
    /// The very word to the right.
    pub(crate) after: Topics,
}

impl Around {
    /// Topics of either side.
    pub(crate) const fn any(self) -> Topics {
        self.left | self.right
    }
}

/// A word that speaks of something, in a text that [`spell`] made; spaces beside it belong to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    topic: Topics,
    /// Languages in which it means something else.
    not_in: Languages,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// How near a word is that needs no second reason.
const NEAR: usize = 26;

/// The words, and what each of them speaks of.
#[derive(Debug)]
pub(crate) struct Words {
    phrases: Phrases,
    topics: Vec<(Topics, Languages)>,
    lexicon: Lexicon,
}

impl Words {
    pub(crate) fn new() -> Result<Self, BuildError> {
        let mut patterns = Vec::new();
        let mut topics = Vec::new();
        for (topic, words) in WORDS {
            for word in *words {
                // Chinese and Japanese words stand in longer runs.
                let is_unspaced = word.chars().any(|c| !is_spaced_script(c));
                patterns.push(if is_unspaced {
                    (*word).to_owned()
                } else {
                    format!(" {word} ")
                });
                topics.push((*topic, elsewhere(word)));
            }
        }
        Ok(Self {
            phrases: Phrases::new(patterns)?,
            topics,
            lexicon: Lexicon::new(),
        })
    }

    /// The words with a sense of their own.
    pub(crate) const fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    /// Topics of words outside the text, such as a JSON key.
    pub(crate) fn outside(&self, name: &str) -> Topics {
        let mut spelt = String::new();
        spell(name, &mut spelt);
        self.hits(&spelt).fold(0, |all, hit| all | hit.topic)
    }

    /// Topics round a place, of its `left` and `right` neighbourhood as spelt by [`spell`]. `language` says in which one
    /// they are written; it is asked only if a word does not count in every one.
    pub(crate) fn around(
        &self,
        left: &[u8],
        right: &[u8],
        outside: Topics,
        mut language: impl FnMut() -> Option<Language>,
    ) -> Around {
        let mut counted = |place: Place| {
            let hit = self.hit(place);
            (hit.not_in.is_empty() || !hit.not_in.has(language())).then_some(hit)
        };
        let mut around = Around {
            left: outside,
            near: outside,
            ..Around::default()
        };
        self.phrases.each(left, |place| {
            let Some(hit) = counted(place) else { return };
            around.left |= hit.topic;
            if hit.end + NEAR >= left.len() {
                around.near |= hit.topic;
            }
            if hit.end == left.len() {
                around.before |= hit.topic;
            }
        });
        self.phrases.each(right, |place| {
            let Some(hit) = counted(place) else { return };
            around.right |= hit.topic;
            if hit.start == 0 {
                around.after |= hit.topic;
            }
        });
        around
    }

    /// The words of `spelt`, each with its place there.
    pub(crate) fn hits<'s>(&'s self, spelt: &'s str) -> impl Iterator<Item = Hit> + 's {
        self.phrases.in_order(spelt).map(|place| self.hit(place))
    }

    fn hit(&self, place: Place) -> Hit {
        let (topic, not_in) = self.topics.get(place.phrase).copied().unwrap_or_default();
        Hit {
            topic,
            not_in,
            start: place.start,
            end: place.end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_only_as_whole_words() {
        let words = Words::new().unwrap();
        assert_eq!(words.outside("duplicated telephony reborn classnote"), 0);
        assert_eq!(words.outside("Téléphone") & PHONE, PHONE);
        assert_eq!(words.outside("social_security_number") & SSN, SSN);
        assert_eq!(words.outside("dob ssn") & (SSN | BIRTH), SSN | BIRTH);
    }
}
