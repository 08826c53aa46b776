//! Words of addresses: streets, flats, countries (ISO 3166, in English and the countries' own languages), provinces.

use super::lexicon::List;
use super::sense::{BOX, COUNTRY, LOCALITY, PROVINCE, STREET_END, STREET_HEAD, UNIT};

pub(super) const LISTS: &[List] = &[
    (
        STREET_END,
        1,
        "street st road rd avenue ave av lane ln drive dr court ct place pl boulevard blvd close terrace terr parkway pkwy highway hwy square sq crescent cres circle cir \
        trail trl mews grove gardens turnpike esplanade parade streets avenues roads lanes drives",
    ),
    (
        STREET_END,
        2,
        "way plaza alley row walk hill green quay wharf pike loop ridge crossing crossroad crossroads landing point pointe mount vale rise view heights \
        manor park rapids shoals plains burg burgs centers coves cove creek cliff cliffs ferry field fields flats ford fords forest forge fork forks fort freeway gateway glen harbor haven \
        hollow inlet island isle junction knoll lake light lock lodge meadow meadows mill mills mission mountain neck orchard oval overpass pass passage path pine pines port prairie radial ramp ranch rest river route shoal shore spring springs spur station \
        stravenue stream summit throughway trace track trafficway tunnel union valley via viaduct village ville vista walks wall well wells dale dam divide estate estates extension falls branch bridge brook bypass camp canyon cape causeway common corner course bend bluff bottom",
    ),
    (
        STREET_END,
        3,
        "straße strasse str weg gasse allee platz damm ufer ring vägen gatan gata väg gränd gade vej straat laan plein kade tie katu",
    ),
    (
        STREET_HEAD,
        1,
        "rue avenue boulevard bd quai impasse allée allées chemin cours faubourg ruelle sentier voie rond_point",
    ),
    (
        STREET_HEAD,
        2,
        "calle cl avenida avda av paseo camino carrer ronda alameda travesía glorieta carretera polígono via viale contrada piazza piazzale corso vicolo largo strada contrà contrada borgo lungomare salita \
        rua travessa praça estrada rodovia alameda beco ul ulica al aleja aleje os osiedle pl plac",
    ),
    (
        STREET_HEAD,
        3,
        "ул улица пр просп проспект пер переулок бул бульвар наб набережная ш шоссе площадь пл пр_т",
    ),
    (STREET_HEAD, 4, "شارع طريق زنقة نهج حي"),
    (LOCALITY, 1, "г гор город пос с дер обл область р_н край"),
    (
        LOCALITY,
        2,
        "mah mahallesi sok sokak sk cad caddesi bulvarı sitesi yolu",
    ),
    (
        UNIT,
        1,
        "apt apartment suite ste appt appartement apto apartamento wohnung lägenhet lgh квартира кв daire",
    ),
    (
        UNIT,
        0,
        "unit flat room rm floor fl bldg building bâtiment étage escalier esc piso pta puerta planta bajo nave interno scala sala lote andar \
        whg stock og etage bus m lok lokal mieszkania оф офис корп корпус стр строение д дом под подъезд no d kat blok شقة مبنى الطابق عمارة بناية",
    ),
    (
        BOX,
        0,
        "box postfach apartado boîte_postale bp casella_postale postbus skrytka_pocztowa",
    ),
    (
        COUNTRY,
        0,
        "afghanistan albania algeria andorra angola argentina armenia aruba australia austria azerbaijan bahamas bahrain bangladesh barbados belarus belgium belize benin bermuda bhutan bolivia bosnia botswana \
        brazil brunei bulgaria burundi cambodia cameroon canada chad chile china colombia comoros congo croatia cuba cyprus czechia czech_republic denmark djibouti dominica ecuador egypt eritrea estonia ethiopia \
        fiji finland france gabon gambia georgia germany ghana gibraltar greece greenland grenada guatemala guinea guyana haiti honduras hungary iceland india indonesia iran iraq ireland israel italy jamaica japan jordan \
        kazakhstan kenya kiribati kosovo kuwait kyrgyzstan laos latvia lebanon lesotho liberia libya liechtenstein lithuania luxembourg macau madagascar malawi malaysia maldives mali malta mauritania mauritius mexico moldova monaco \
        mongolia montenegro morocco mozambique myanmar namibia nauru nepal netherlands nicaragua niger nigeria norway oman pakistan palau panama paraguay peru philippines poland portugal qatar réunion romania russia rwanda samoa \
        senegal serbia seychelles singapore slovakia slovenia somalia spain sudan suriname swaziland sweden switzerland syria taiwan tajikistan tanzania thailand togo tonga tunisia turkey türkiye turkmenistan tuvalu uganda ukraine \
        uruguay uzbekistan vanuatu venezuela vietnam yemen zambia zimbabwe usa u.s.a uk united_kingdom great_britain england scotland wales northern_ireland united_states united_states_of_america new_zealand south_africa south_korea \
        north_korea saudi_arabia sri_lanka united_arab_emirates costa_rica el_salvador puerto_rico hong_kong san_marino sierra_leone burkina_faso cape_verde ivory_coast dominican_republic papua_new_guinea equatorial_guinea \
        deutschland österreich schweiz frankreich italien spanien niederlande belgien dänemark schweden norwegen finnland polen tschechien ungarn luxemburg griechenland türkei russland vereinigtes_königreich \
        allemagne autriche suisse italie espagne pays_bas belgique danemark suède norvège finlande pologne royaume_uni états_unis maroc tunisie algérie \
        españa alemania francia italia méjico méxico perú brasil suiza bélgica países_bajos reino_unido estados_unidos marruecos germania svizzera spagna regno_unito stati_uniti paesi_bassi belgio \
        nederland duitsland frankrijk zwitserland spanje italië verenigd_koninkrijk polska niemcy austria francja hiszpania włochy wielka_brytania czechy szwajcaria alemanha frança suíça espanha itália \
        sverige danmark norge suomi finland tyskland åland almanya fransa россия российская_федерация беларусь украина казахстан украина भारत الأردن مصر المغرب فلسطين البحرين السعودية تونس الجزائر لبنان العراق سوريا الكويت قطر عمان الإمارات الإمارات_العربية_المتحدة المملكة_العربية_السعودية \
        cyprus_greek greenlander",
    ),
    (
        PROVINCE,
        1,
        "北京市 上海市 天津市 重庆市 广东省 江苏省 浙江省 山东省 河南省 四川省 湖北省 湖南省 福建省 安徽省 河北省 辽宁省 陕西省 江西省 云南省 广西 山西省 黑龙江省 吉林省 贵州省 甘肃省 海南省 青海省 内蒙古 新疆 宁夏 西藏 台北市 台灣 臺北市 北京 上海 深圳市 广州市 杭州市 南京市 成都市 武汉市 西安市 苏州市",
    ),
    (
        PROVINCE,
        2,
        "東京都 北海道 大阪府 京都府 神奈川県 愛知県 埼玉県 千葉県 兵庫県 福岡県 静岡県 茨城県 広島県 宮城県 新潟県 長野県 岐阜県 栃木県 群馬県 岡山県 福島県 三重県 熊本県 鹿児島県 沖縄県 滋賀県 山口県 愛媛県 奈良県 長崎県 青森県 岩手県 石川県 大分県 宮崎県 山形県 富山県 秋田県 香川県 和歌山県 佐賀県 山梨県 福井県 徳島県 高知県 島根県 鳥取県 \
        横浜市 名古屋市 大阪市 札幌市 福岡市 仙台市 京都市 神戸市",
    ),
];
