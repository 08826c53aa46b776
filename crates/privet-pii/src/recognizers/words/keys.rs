//! Words that announce a value or a name, and top-level domains.

use super::lexicon::List;
use super::sense::{
    ADDRESS, CVV, EXPIRY, FILLER, GREETING, NAME_CUE, NAME_FIELD, NAME_KEY, NOT_VALUE, PARTICLE, PASSWORD,
    PIN, POSTCODE, RECORD, TITLE, TLD, TLD_WEAK, USERNAME, WWW,
};

pub(super) const LISTS: &[List] = &[
    (
        CVV,
        1,
        "csc cid crypto cryptogramme prüfziffer الرمز والرمز cod код kod kode",
    ),
    (
        CVV,
        0,
        "cvv cvc security_code card_security_code card_verification prüfnummer kartenprüfnummer sicherheitscode \
        code_de_sécurité código_de_seguridad codice_di_sicurezza código_de_segurança beveiligingscode kod_cvv säkerhetskod güvenlik_kodu \
        код_безопасности セキュリティコード 安全码 安全碼 सीवीवी رمز_الأمان",
    ),
    (
        EXPIRY,
        0,
        "exp expiry expiration expires expire expiring valid_thru valid_through valid_until valid_to good_thru exp_date expiry_date expiration_date \
        gültig gültig_bis ablauf ablaufdatum läuft_ab verfall caduca caducidad cad vence vencimiento válida_hasta validité expire_fin valable valable_jusqu date_d'expiration \
        scad scadenza scade valida_fino valid validade val válido geldig geldig_tot verloopt vervaldatum ważna ważna_do wazna wazna_do data_ważności giltig giltigt giltigt_till går_ut utgångsdatum \
        son_kullanma son_kullanım срок срок_действия действительна истекает 有効期限 期限 有效期 到期 एक्सपायरी वैधता تنتهي وتنتهي ينتهي صلاحية الصلاحية",
    ),
    (
        PIN,
        0,
        "pin pincode pin_code pin_number geheimzahl code_pin código_pin kod_pin пин пинкод pin_kod şifre_pin 暗証番号",
    ),
    (
        USERNAME,
        1,
        "user usr login log_in ユーザー 用户 المستخدم пользователь",
    ),
    (
        USERNAME,
        3,
        "benutzername kennung identifiant gebruikersnaam inlognaam användarnamn kullanıcı_adı nombre_de_usuario nazwa_użytkownika اسم_المستخدم यूज़रनेम",
    ),
    (
        USERNAME,
        2,
        "accepted_publickey_for accepted_password_for login_as log_in_as logged_in_as",
    ),
    (
        USERNAME,
        0,
        "username user_name userid user_id login_name account_name logon screen_name ssh_user \
        benutzer anmeldename nutzername utilisateur nom_d'utilisateur usuario nombre_de_usuario utente nome_utente gebruiker \
        użytkownik uzytkownik nazwa_użytkownika utilizador usuário nome_de_usuário användare användarnamn kullanıcı kullanici kullanıcı_adı логин имя_пользователя \
        ユーザー名 用户名 用户名称 यूज़रनेम यूजरनेम اسم_المستخدم",
    ),
    (
        PASSWORD,
        0,
        "password passwd passphrase passcode pwd pswd pass_word pw passwort kennwort mot_de_passe mdp contraseña wachtwoord hasło haslo senha palavra_passe lösenord \
        parola parolam şifre şifrem пароль パスワード 密码 密碼 口令 पासवर्ड كلمة_المرور كلمة_السر",
    ),
    (
        RECORD,
        0,
        "mrn medical_record medical_record_number medical_record_no patient_id patient_number patient_no hospital_number chart_number chart_no patientennummer patientennr patienten_nr fallnummer \
        numéro_de_dossier dossier_patient dossier_médical numéro_de_patient historia_clínica número_de_historia nhc número_de_paciente cartella_clinica numero_cartella patiëntnummer patiëntnr patiëntennummer \
        historii_choroby numer_pacjenta prontuário processo_clínico número_do_paciente journalnummer patientnummer dosya_no hasta_no protokol_no номер_карты медкарты истории_болезни история_болезни \
        カルテ番号 患者番号 病历号 病歷號 住院号 门诊号 फ़ाइल_संख्या पंजीकरण_संख्या रोगी_संख्या رقم_الملف_الطبي رقم_الملف رقم_المريض ipp journalnr nosologico księgi_głównej",
    ),
    (POSTCODE, 1, "cap cep cp zip индекс पिन"),
    (
        POSTCODE,
        0,
        "zipcode zip_code postcode post_code postal_code postalcode plz postleitzahl code_postal codepostal codigo_postal código_postal kod_pocztowy kodpocztowy postnummer postnr posta_kodu \
        почтовый_индекс 郵便番号 邮编 邮政编码 郵遞區號 पिनकोड पिन_कोड الرمز_البريدي",
    ),
    (
        FILLER,
        0,
        "n is was number no nr num code id name value are nummer numéro numero número nº numer номер ist war lautet est es è jest är не to changed set 是 为 に は が है का की هو هي من bis till do tot jusqu'au hasta fino al até \
        thru through until date on in dans am jetzt now en der the mein my mon mi mia meu moja em as adı code_is currently still",
    ),
    (
        NOT_VALUE,
        0,
        "policy field hash required reset length file hint prompt manager protected expired forgot forgotten rules strength agent group groups input output type class mode data guide interface experience agreement manual story space level defined",
    ),
    (
        TITLE,
        1,
        "mr mrs ms miss mx dr prof professor sir madam madame messrs herr herrn frau mme mlle mm monsieur mademoiselle sr sra srta señor señora señorita don doña \
        sig signor signora sig.ra dott dottor dottoressa dott.ssa ing avv mevr mevrouw dhr meneer pan pani pana panu panią senhor senhora dra doutor doutora herra fru fröken \
        г-н г-жа господин госпожа гражданин гражданка श्री श्रीमती सुश्री डॉ السيد السيدة الدكتور الدكتورة الأستاذ دكتور",
    ),
    (
        NAME_CUE,
        0,
        "my_name_is his_name_is her_name_is i'm_called i_am_called my_name's ich_heiße ich_heisse mein_name_ist je_m'appelle m'appelle me_llamo mi_nombre_es mi_chiamo il_mio_nome_è ik_heet mijn_naam_is nazywam_się mam_na_imię me_chamo meu_nome_é \
        jag_heter mitt_namn_är benim_adım adım меня_зовут मेरा_नाम اسمي call_me_mr",
    ),
    (
        NAME_KEY,
        0,
        "first_name last_name full_name firstname lastname fullname surname given_name family_name middle_name maiden_name customer_name client_name contact_name patient_name employee_name cardholder_name account_holder customername cardholder \
        recipient_name vorname nachname familienname prénom nom_de_famille nombre_completo apellido apellidos nome_completo cognome sobrenome voornaam achternaam imię nazwisko imię_i_nazwisko imie_i_nazwisko förnamn efternamn soyadı \
        фио фамилия имя_отчество 氏名 姓名 お名前 患者氏名 पूरा_नाम الاسم_الكامل vor_und_nachname name_of_patient name_of_applicant patient_s_name nome_e_cognome nombre_y_apellidos nom_et_prénom ad_soyad adı_soyadı",
    ),
    (
        NAME_FIELD,
        0,
        "name patient patientin patiente paciente paziente pacjent pacjentka hasta пациент пациентка customer kunde kundin client cliente employee mitarbeiter mitarbeiterin tenant mieter mieterin landlord vermieter käufer verkäufer buyer seller applicant antragsteller \
        signed nom nombre nome naam namn nazwa isim नाम الاسم reporter attention attn cc from to von an de à para da naar od do från till kimden kime от кому из मरीज़ المريض المريضة demandeur contact bearer holder inhaber insured beneficiary",
    ),
    (
        GREETING,
        0,
        "dear hi hello hallo liebe lieber cher chère bonjour hola estimado estimada querido querida caro cara gentile beste geachte drogi droga szanowny hej kära sayın merhaba уважаемый уважаемая дорогой дорогая здравствуйте привет olá prezado prezada",
    ),
    (
        PARTICLE,
        0,
        "van von der den de del della di da dos das do du la le zu zum zur ten ter af bin ibn al el bint y e st mac o'",
    ),
    (
        ADDRESS,
        0,
        "address adresse anschrift wohnhaft dirección domicilio indirizzo residente adres endereço adress adresi адрес",
    ),
    (WWW, 0, "www"),
    (
        TLD,
        0,
        "com org net edu gov mil int info biz eu uk de fr nl ch cz jp kr ru ca au nz br mx ar cl pt se dk fi hu ro gr tr ua il za ie lu sk si hr bg ee lv lt cn tw hk sg my ph th vn id pe ve uy ec bo \
        io ai app dev cloud shop online site website store tech xyz blog club space agency digital media news live email mobi pro wiki foundation berlin hamburg wien london paris tokyo swiss cat asia africa bank finance health law example",
    ),
    (
        TLD_WEAK,
        0,
        "pl at be it es no me tv us co in is to cc ly gg fm pub one top link page world today life zone work team name zip mov ws nu im vc ng ke gh pk bd lk ir ae sa qa eg ma tn kz ge am az by md rs sh so",
    ),
];
