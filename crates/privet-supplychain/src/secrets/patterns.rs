//! Rules that are regular expressions, each run in a window round its keywords.

use crate::Severity;

/// A rule that is a regular expression.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) id: &'static str,
    pub(super) description: &'static str,
    pub(super) severity: Severity,
    /// In lower case; looked for in any case.
    pub(super) keywords: &'static [&'static str],
    /// The group named `s` is the secret; the whole match if there is none.
    pub(super) regex: &'static str,
    /// Bytes before the keyword's start that a match may need.
    pub(super) before: usize,
    /// Bytes behind the keyword's end that a match may need.
    pub(super) after: usize,
    /// Least entropy of the secret, in bits a byte.
    pub(super) entropy: f32,
    /// How sure a match is.
    pub(super) confidence: f32,
    /// Made-up texts: one that matches, one that does not. `{A20}` and its like stand for made-up runs.
    pub(super) example: &'static str,
    pub(super) counter: &'static str,
}

macro_rules! patterns {
    ($($id:literal, $severity:ident, $description:literal, [$($keyword:literal),*], $regex:literal, $before:literal..$after:literal, $entropy:literal, $confidence:literal, $example:literal, $counter:literal;)*) => {
        /// The rules. Windows are no wider than a match needs.
        pub(super) const PATTERNS: &[Pattern] = &[$(Pattern {
            id: $id, description: $description, severity: Severity::$severity, keywords: &[$($keyword),*], regex: $regex,
            before: $before, after: $after, entropy: $entropy, confidence: $confidence, example: $example, counter: $counter,
        }),*];
    };
}

patterns! {
    "authorization-basic", High, "credentials of HTTP Basic authentication", ["basic "],
    r#"(?i)\bbasic (?P<s>[A-Za-z0-9+/]{8,400}={0,2})(?:[^A-Za-z0-9+/=.]|$)"#, 2..420, 2.0, 0.8,
    "Authorization: Basic dXNlcjpwYXNzMTIzNDU=", "Authorization: Basic ...";

    "authorization-bearer", High, "token in an Authorization header", ["bearer ", "token "],
    r#"(?i)\bauthorization['"]?\s{0,3}[:=]\s{0,3}['"]?(?:bearer|token) (?P<s>[A-Za-z0-9._~+/-]{16,2000}={0,2})"#, 40..2020, 3.0, 0.75,
    "Authorization: Bearer {A32}", "Authorization: Bearer XXXXXXXXXXXXXXXXXXXX";

    "authorization-header", High, "token in an Authorization header", ["authorization:"],
    r#"(?i)\bauthorization:\s{0,3}['"]?(?P<s>[A-Za-z0-9][A-Za-z0-9._~+/@=-]{15,2000})"#, 2..2020, 3.0, 0.7,
    "curl -H \"Authorization: {A40}\"", "Authorization: $TOKEN";

    "api-key-header", High, "key in a header", ["apikey:", "api-key:", "auth-token:", "access-token:", "x-token:"],
    r#"(?i)\b[a-z0-9-]{0,30}(?:api-?key|auth-token|access-token|x-token):\s{0,3}['"]?(?P<s>[A-Za-z0-9][A-Za-z0-9._~+/@=-]{15,400})"#, 34..420, 3.0, 0.7,
    "curl -H \"X-Api-Key: {A40}\"", "X-Api-Key: your-api-key";

    "curl-user", High, "user and password of curl", ["curl "],
    r#"\bcurl\b[^\n|;]{0,400}?\s(?:-[a-zA-Z]{0,4}u|--user|--proxy-user|-U)[ =]{0,2}(?:"(?P<s>[^"\s$:{<\[]{0,80}:[^"\s{<\[(:]{3,120})"|'(?P<q>[^'\s:{<\[]{0,80}:[^'\s{<\[(:]{3,120})'|(?P<u>[^\s"'${<\[:]{1,80}:(?:[^\s"'${<\[(][^\s"'{<\[(]{2,120}|'[^'{\s]{3,120}'))|"(?P<k>[^"\s$:{<\[]{8,80}:)")"#, 2..560, 2.0, 0.7,
    "curl -u admin:{A12} https://localhost:9200", "curl -u \"${user}:${pass}\" https://localhost";

    "netrc-password", High, "password of a .netrc entry", ["machine "],
    r#"(?i)\bmachine\s+(?:\S{1,80}\.\S{1,80}|localhost)\s+login\s+\S{1,120}\s+password\s+(?P<s>\S{3,200})"#, 2..500, 1.0, 0.9,
    "machine api.example.com login me password {A12}", "machine learning login page password field";

    "aws-secret-access-key", Critical, "AWS secret access key", ["aws", "secret_key", "secret key", "secretkey", "secretaccesskey", "secret_access_key"],
    r#"(?i)(?:aws|secret)[\w ./-]{0,40}['"\]]{0,2}\s{0,3}(?:=>|[:=]{1,3}|,|\(|>)\s{0,3}['"]?(?P<s>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#, 4..140, 2.5, 0.9,
    "aws_secret_access_key = {A40}", "aws_secret_access_key = {A41}";

    "aws-secret-access-key-form", Critical, "AWS secret access key", ["aws_secret_access_key"],
    r#"(?i)aws_secret_access_key\s{0,3}(?:=>|=)\s{0,3}(?P<s>[a-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#, 2..100, 0.0, 0.6,
    "aws_secret_access_key => {A40}", "aws_secret_access_key => ${SECRET}";

    "aws-session-token", High, "AWS session token", ["session_token", "sessiontoken"],
    r#"(?i)session_?token['"]?\s{0,3}[:=]\s{0,3}['"]?(?P<s>[A-Za-z0-9/+]{100,1200}={0,2})"#, 2..1240, 3.5, 0.85,
    "aws_session_token = {A120}", "aws_session_token = {A20}";

    "azure-connection-key", Critical, "key in an Azure connection string", ["accountkey=", "sharedaccesskey=", "sharedsecretvalue="],
    r#"(?i)(?:accountkey|sharedaccesskey|sharedsecretvalue)=(?P<s>[A-Za-z0-9/+]{40,120}={0,2})"#, 2..130, 3.0, 0.95,
    "AccountName=a;AccountKey={A86}==;EndpointSuffix=core.windows.net", "AccountName=a;AccountKey=$key;";

    "azure-app-configuration", Critical, "secret of an Azure App Configuration connection string", [".azconfig.io"],
    r#"(?i)\.azconfig\.io;Id=[\w:/+-]{8,60};Secret=(?P<s>[A-Za-z0-9/+]{36,100}=?)"#, 2..240, 3.0, 0.95,
    "Endpoint=https://a.azconfig.io;Id={A8};Secret={A43}=", "Endpoint=https://a.azconfig.io;Id={A8}";

    "azure-sas-token", High, "Azure shared access signature", ["sig="],
    r#"[?&]sig=(?P<s>[A-Za-z0-9%/+]{43,90}(?:%3[Dd]|=))"#, 2..110, 3.5, 0.9,
    "https://a.blob.core.windows.net/c?sv=2020&sig={A43}%3D", "https://a.blob.core.windows.net/c?sig=short";

    "azure-devops-pat-old", High, "Azure DevOps personal access token", ["_pat", "pat =", "token =", "token=", "token\""],
    r#"(?i)(?:token|pat)['"]?\s{0,4}[:=]\s{0,4}['"](?P<s>[a-z2-7]{52})['"]"#, 8..80, 3.5, 0.85,
    "$token = \"{l52}\"", "$token = \"{l50}\"";

    "network-credential", High, "password of a .NET credential", ["networkcredential(", "directoryentry(", "securestring(", "usernamepasswordcredentials(", "passwordauthentication("],
    r#"(?i)(?:networkcredential|directoryentry|usernamepasswordcredentials|passwordauthentication)\(\s{0,40}(?:"[^"\n]{1,120}",\s{0,40}){1,2}"(?P<s>[^"\n]{3,120})""#, 2..340, 1.5, 0.8,
    "new NetworkCredential(\"me@example.com\", \"{A12}\")", "new NetworkCredential(user, password)";

    "connect-arguments", High, "password among the arguments of a connection or login", ["mysql_connect(", "mysqli(", "mysqli_connect(", "pdo(", ".login(", "ftp_login(", "pg_connect(", "getconnection(", "authenticate(", "smtp_login(", "set_credentials(", "basicauth(", "basic_auth(", "setauth(", "httpbasicauth("],
    r#"(?i)(?:mysql_connect|mysqli|mysqli_connect|pdo|\.login|ftp_login|getconnection|authenticate|basicauth|basic_auth|httpbasicauth)\(\s{0,10}(?:(?:["'][^"'\n]{1,120}["']|\$?[\w.]{1,40}),\s{0,10}){1,2}["'](?P<s>[^"'\n\s,{}<>]{4,80})["']"#, 2..300, 2.0, 0.6,
    "conn.login('me@example.com', 'salesforce{d4}', cb)", "conn.login(user, password)";

    "password-in-words", Low, "password told in words", ["password is", "password for", "passwort ist", "password:"],
    r#"(?i)\bpassword(?: for [\w ]{0,20}['"`]?[\w.@-]{1,60}['"`]?)? (?:is|is set to|ist|=) ["'`](?P<s>[^"'`\s]{4,60})["'`]"#, 2..150, 1.5, 0.4,
    "the password is \"centipede{d2}\"", "the password is required";

    "command-password", High, "password on a command line", ["psexec", "sshpass", "mysql ", "mysqldump", "net use", "smbclient", "ldapsearch", "docker login", "helm registry login", "az login", "pscp", "plink", "mongo ", "cmdkey", "wget "],
    r#"(?i)\b(?:psexec(?:\.exe)?\b[^\n]{0,160}\s-p|sshpass\s+-p|mysql(?:dump|admin)?\b[^\n|]{0,160}\s(?:-p|--password=)|ldapsearch\b[^\n|]{0,200}\s-w|docker login\b[^\n|]{0,160}\s(?:-p|--password)|helm registry login\b[^\n|]{0,160}\s(?:-p|--password)|az login\b[^\n|]{0,160}\s-p|(?:pscp|plink)\b[^\n|]{0,160}\s-pw|cmdkey\b[^\n|]{0,160}/pass:|wget\b[^\n|]{0,200}--(?:http-|ftp-)?password=)[ =]?['"]?(?P<s>[^\s"'$%<{\[-][^\s"'$%<{]{3,80})"#, 2..320, 1.5, 0.6,
    "sshpass -p {A12} ssh me@host", "sshpass -p $PASS ssh me@host";

    "password-hash", Medium, "hash of a password", ["$2a$", "$2b$", "$2y$", "$1$", "$5$", "$6$", "$8$", "$9$", "$y$", "$apr1$", "$argon2", "$pbkdf2", "$7$"],
    r#"(?P<s>\$2[abxy]\$\d{2}\$[./A-Za-z0-9]{53}|\$(?:1|apr1)\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}|\$5\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}|\$6\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}|\$[89]\$[./A-Za-z0-9]{14}\$[./A-Za-z0-9]{43}|\$y\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}|\$7\$[./A-Za-z0-9]{11,97}\$[./A-Za-z0-9]{43}|\$argon2(?:id?|d)\$v=\d{1,3}\$m=\d{1,9},t=\d{1,5},p=\d{1,4}\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{16,90}|\$pbkdf2(?:-sha\d{1,3})?\$\d{1,8}\$[./A-Za-z0-9+]{8,60}\$[./A-Za-z0-9+]{20,90})"#, 2..260, 3.0, 0.8,
    "root:$2b$12${A53}", "$2b$12$short";

    "htpasswd-entry", Medium, "hash of a password in an htpasswd file", ["{sha}", "{ssha}", "{smd5}"],
    r#"\{(?:SHA|SSHA|SMD5)\}(?P<s>[A-Za-z0-9+/]{20,60}={0,2})"#, 2..70, 3.0, 0.8,
    "me:{SHA}{A27}=", "{SHA} is a scheme";

    "django-secret-key", High, "Django secret key", ["django-insecure", "secret_key", "secret-key"],
    r#"(?i)(?:secret[_-]key['"\]]?\s{0,3}(?:[:=,]|=>)\s{0,3}u?['"]|django-insecure-)(?P<s>[\w!@#$%^&*()+=\[\]{}|;:,.<>?/~`'-]{32,100}?)['"\n]"#, 24..130, 3.5, 0.75,
    "SECRET_KEY = 'a!{A24}@({A23}'", "SECRET_KEY = os.environ['SECRET_KEY']";

    "laravel-app-key", High, "Laravel application key", ["app_key=base64:", "base64:"],
    r#"(?i)key['"]?\s{0,3}[:=,>]{1,2}\s{0,3}['"]?base64:(?P<s>[A-Za-z0-9+/]{40,60}={0,2})"#, 16..80, 3.5, 0.9,
    "APP_KEY=base64:{A43}=", "APP_KEY=base64:";

    "docker-config-auth", High, "registry credentials of a Docker configuration", ["\"auth\"", "_auth", "\\\"auth\\\""],
    r#"(?i)(?:"auth"|\\"auth\\"|\b_auth)\s{0,3}[:=]\s{0,3}[\\'"]{0,2}(?P<s>[A-Za-z0-9+/]{12,400}={0,2})"#, 4..420, 2.5, 0.85,
    "{\"auths\":{\"a\":{\"auth\": \"dXNlcjpwYXNz{A8}\"}}}", "{\"auth\": true}";

    "npm-legacy-auth", High, "npm registry authentication", [":_authtoken", ":_password"],
    r#"//[^\s"':]{3,120}/:_(?:authToken|password)\s{0,2}=\s{0,2}["']?(?P<s>[A-Za-z0-9/+_.=-]{6,400})"#, 140..420, 2.0, 0.85,
    "//npm.example.com/:_authToken={A32}", "//npm.example.com/:_authToken=${NPM_TOKEN}";

    "filezilla-password", High, "password of a FileZilla site", ["<pass"],
    r#"(?i)<pass(?:word)?(?: encoding="[a-z0-9]{1,12}")?>(?P<s>[^<\s$\{]{3,200})</pass"#, 2..260, 1.0, 0.85,
    "<Pass>Hunter{d4}</Pass>", "<Pass></Pass>";

    "gradle-credentials", Low, "credentials of a Gradle repository", ["credentials {", "credentials{"],
    r#"(?i)credentials\s?\{\s{0,40}(?:username\s*=?\s*['"][^'"\n]{1,80}['"]\s{1,40}password\s*=?\s*['"](?P<s>[^'"\n${]{3,80})['"])"#, 2..340, 1.0, 0.5,
    "credentials {\n  username 'me'\n  password '{A12}'\n}", "credentials {\n username user\n password pass\n}";

    "connection-string-password", High, "password of a connection string", ["pwd=", "password="],
    r#"(?i)(?:server|data source|host|user id|uid|user|database|initial catalog|dbname|username)\s?=\s?[^;\n"']{1,120}[; ][^\n"']{0,200}?\b(?:password|pwd)\s?=\s?(?P<s>[^;\s"'${<#%]{3,100})"#, 300..110, 1.0, 0.7,
    "Server=db;Port=5432;User Id=me;Password=s{d4}cret;", "Server=db;User Id=me;Password=;";

    "phpmailer-password", Medium, "password of PHPMailer", ["->password"],
    r#"(?i)->password\s{0,30}=\s{0,10}['"](?P<s>[^'"\n]{4,100})['"]"#, 2..150, 1.5, 0.7,
    "$mail->Password = 'x{A10}';", "$mail->Password = $pass;";

    "terraform-default-secret", High, "secret as a default of a Terraform variable", ["variable \""],
    r#"(?i)variable\s+"[^"\n]{0,60}(?:token|secret|password|key)[^"\n]{0,30}"\s*\{[^}]{0,200}?default\s*=\s*"(?P<s>[^"\n${]{8,200})""#, 2..400, 3.0, 0.6,
    "variable \"api_token\" {\n  default = \"{A32}\"\n}", "variable \"api_token\" {\n  type = string\n}";

    "ssh-config-idrac", Medium, "SNMP or RADIUS community of a network device", ["enable secret", "enable password", "snmp-server community", "key-string", "tacacs-server key", "radius-server key"],
    r#"(?im)^\s{0,4}(?:enable (?:secret|password)|snmp-server community|key-string|tacacs-server key|radius-server key)(?: \d)? (?P<s>\S{4,100})"#, 6..140, 2.0, 0.6,
    "enable secret 5 {A30}", "to enable secret scanning";

    "cisco-type-7", Medium, "password of a Cisco user", ["username "],
    r#"(?im)^\s{0,2}username \S{1,40}(?: privilege \d{1,2})? (?:secret|password) \d (?P<s>\S{6,120})"#, 4..220, 2.0, 0.7,
    "username admin privilege 15 secret 5 {A30}", "username is required";

    "shadow-entry", High, "hash of a password of a Unix account", [":$6$", ":$5$", ":$1$", ":$y$", ":!$6$"],
    r#"(?m)^[a-z_][\w.-]{0,31}:(?P<s>!?\$(?:1|5|6|y)\$[^:\s]{20,200}):"#, 40..260, 3.0, 0.9,
    "root:$6${A8}${A86}:18000:0:99999:7:::", "root:*:18000:0:99999:7:::";

    "sql-set-password", High, "password in SQL", ["identified by", "with password"],
    r#"(?i)(?:identified\s+by|with\s+(?:encrypted\s+)?password)\s+(?:password\s+)?['"](?P<s>[^'"\n<{$%]{4,100})['"]"#, 2..140, 1.5, 0.7,
    "CREATE USER me IDENTIFIED BY 'x{A10}';", "CREATE USER me IDENTIFIED BY ?";

    "sql-insert-hash", Medium, "password or its hash in an SQL dump", ["insert into"],
    r#"(?i)insert into\s+[`"'\[]?\w{0,30}(?:user|account|member|admin|customer|login)\w{0,20}[`"'\]]?[^;]{0,300}?values\s*\([^;]{0,200}?['"](?P<s>[a-f0-9]{32}|[a-f0-9]{40}|[a-f0-9]{64}|\$[^'"\s]{20,120})['"]"#, 2..800, 2.5, 0.6,
    "INSERT INTO users VALUES (1, 'me', '{h40}');", "INSERT INTO users VALUES (?, ?)";

    "firefox-logins", High, "encrypted login of Firefox", ["encryptedpassword", "encryptedusername"],
    r#""encrypted(?:Password|Username)"\s{0,3}:\s{0,3}"(?P<s>[A-Za-z0-9+/=]{16,400})""#, 4..430, 3.0, 0.8,
    "{\"encryptedPassword\":\"{A40}\"}", "{\"encryptedPassword\":\"\"}";

    "jenkins-secret", High, "encrypted secret of Jenkins", ["{aqaaab"],
    r#"\{(?P<s>AQAAAB[A-Za-z0-9+/]{30,400}={0,2})\}"#, 2..430, 3.0, 0.8,
    "<password>{AQAAAB{A40}}</password>", "{AQAAAB}";

    "ansible-vault", Low, "Ansible vault", ["$ansible_vault;"],
    r#"(?P<s>\$ANSIBLE_VAULT;\d\.\d;AES256[^\n]{0,60}\s+[0-9a-f]{40,90})"#, 2..220, 2.0, 0.4,
    "$ANSIBLE_VAULT;1.1;AES256\n{h80}", "$ANSIBLE_VAULT;1.1;AES256";

    "wireguard-key", Critical, "WireGuard key", ["privatekey", "presharedkey"],
    r#"(?i)\b(?:privatekey|presharedkey)\s{0,3}=\s{0,3}(?P<s>[A-Za-z0-9+/]{43}=)"#, 2..70, 3.5, 0.95,
    "PrivateKey = {A43}=", "PrivateKey = <key>";

    "msteams-webhook", High, "Microsoft Teams webhook", ["office.com/webhook", ".logic.azure.com"],
    r#"(?P<s>(?:[\w-]{1,60}\.webhook|outlook)\.office\.com/webhook(?:b2)?/[0-9a-f-]{36}@[0-9a-f-]{36}/(?:IncomingWebhook|[A-Za-z0-9]{5,30})/[0-9a-f]{32}/[0-9a-f-]{36})"#, 70..240, 2.0, 0.95,
    "https://outlook.office.com/webhook/{u}@{u}/IncomingWebhook/{h32}/{u}", "https://outlook.office.com/webhook/";

    "slack-webhook-http", High, "Slack incoming webhook", ["hooks.slack.com/"],
    r#"(?P<s>hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{30,80})"#, 2..110, 3.0, 0.9,
    "https://hooks.slack.com/services/T{U8}/B{U8}/{A24}", "https://hooks.slack.com/services/";

    "private-token-query", High, "token in the query of a URL", ["token=", "apikey=", "api_key=", "access_key=", "key="],
    r#"(?i)[?&](?:access_token|auth_token|token|api_?key|access_key|private_token|key|secret|client_secret)=(?P<s>[A-Za-z0-9_.~+/-]{20,300})"#, 18..320, 3.2, 0.65,
    "https://api.example.com/v1?access_token={A40}", "https://api.example.com/v1?access_token=TOKEN";

    "salesforce-login-cli", High, "Salesforce access token", ["access token"],
    r#"(?P<s>00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{60,120})"#, 2..240, 3.0, 0.9,
    "Access Token   00D{A12}!{A80}", "Access Token   none";

    "pgpass-line", High, "password of a .pgpass line", [":5432:", ":*:", ":5433:"],
    r#"(?m)^[\w.*-]{1,120}:(?:\d{2,5}|\*):[\w.*-]{1,60}:[\w.*@-]{1,60}:(?P<s>[^\s:$]{3,100})\s*$"#, 140..260, 1.0, 0.7,
    "localhost:5432:main:me:s{A8}", "localhost:5432:main:me:";

    "prospective-client-secret", High, "client secret of an OAuth application", ["gitalk(", "oauth2(", "clientsecret"],
    r#"(?i)clientsecret['"]?\s{0,3}[:=]\s{0,3}['"](?P<s>[A-Za-z0-9_-]{16,80})['"]"#, 2..120, 3.0, 0.8,
    "clientSecret:'{h40}',", "clientSecret: process.env.SECRET";
}
