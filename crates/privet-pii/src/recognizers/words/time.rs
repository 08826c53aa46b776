//! Words of dates, times and ages, in English, German, French, Spanish, Italian, Dutch, Polish, Portuguese, Swedish,
//! Turkish, Japanese, Chinese, Hindi, Arabic and Russian.

use super::lexicon::List;
use super::sense::{
    AGED, AGO, AT_HOUR, BEFORE_SPAN, DATE_CUE, HALF, HOUR, MONTH, MONTH_WEAK, NEXT, OF, OLD, PERIOD, QUARTER,
    RELATIVE, SPAN_UNIT, WEEKDAY, WEEKDAY_WEAK, YEAR_CUE, YEARS, ZONE,
};

pub(super) const LISTS: &[List] = &[
    (
        MONTH,
        1,
        "january januar jänner janvier janv enero gennaio janeiro januari stycznia styczeń styczniu ocak января январь январе जनवरी يناير كانون_الثاني",
    ),
    (
        MONTH,
        2,
        "february februar feber février févr fevrier febrero febbraio fevereiro februari lutego luty lutym şubat февраля февраль феврале फरवरी फ़रवरी فبراير شباط",
    ),
    (
        MONTH,
        3,
        "märz mrz mars marzo março maart marca marzec marcu mart марта март मार्च مارس آذار",
    ),
    (
        MONTH,
        4,
        "april avril abril aprile kwietnia kwiecień kwietniu nisan апреля апрель апреле अप्रैल أبريل ابريل نيسان",
    ),
    (
        MONTH,
        5,
        "mai mayo maggio maio mei maja maj mayıs мая май मई مايو أيار ماي",
    ),
    (
        MONTH,
        6,
        "june juni juin junio giugno junho czerwca czerwiec czerwcu haziran июня июнь июне जून يونيو حزيران",
    ),
    (
        MONTH,
        7,
        "july juli juillet juil julio luglio julho lipca lipiec lipcu temmuz июля июль июле जुलाई يوليو تموز",
    ),
    (
        MONTH,
        8,
        "august août aout agosto augustus augusti sierpnia sierpień sierpniu ağustos августа август августе अगस्त أغسطس آب",
    ),
    (
        MONTH,
        9,
        "september septembre septiembre setiembre settembre setembro września wrzesień wrześniu eylül сентября сентябрь сентябре सितंबर सितम्बर سبتمبر أيلول",
    ),
    (
        MONTH,
        10,
        "october oktober octobre octubre ottobre outubro października październik październiku ekim октября октябрь октябре अक्टूबर अक्तूबर أكتوبر اكتوبر تشرين_الأول",
    ),
    (
        MONTH,
        11,
        "november novembre noviembre novembro listopada listopad listopadzie kasım ноября ноябрь ноябре नवंबर नवम्बर نوفمبر تشرين_الثاني",
    ),
    (
        MONTH,
        12,
        "december dezember décembre decembre diciembre dicembre dezembro desember grudnia grudzień grudniu aralık декабря декабрь декабре दिसंबर दिसम्बर ديسمبر كانون_الأول",
    ),
    (MONTH_WEAK, 1, "jan ene gen янв oca sty"),
    (MONTH_WEAK, 2, "feb fev févr fév фев şub lut"),
    (MONTH_WEAK, 3, "march mar мар"),
    (MONTH_WEAK, 4, "apr avr abr апр nis kwi"),
    (MONTH_WEAK, 5, "may mag"),
    (MONTH_WEAK, 6, "jun giu июн haz cze"),
    (MONTH_WEAK, 7, "jul lug июл tem lip"),
    (MONTH_WEAK, 8, "aug ago авг ağu sie"),
    (MONTH_WEAK, 9, "sep sept set сен сент eyl wrz"),
    (MONTH_WEAK, 10, "oct okt ott out окт eki paź"),
    (MONTH_WEAK, 11, "nov ноя kas lis"),
    (MONTH_WEAK, 12, "dec dez déc dic дек ara gru"),
    (
        WEEKDAY,
        0,
        "monday tuesday wednesday thursday friday saturday sunday \
        montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag lundi mardi mercredi jeudi vendredi samedi dimanche \
        lunes martes miércoles miercoles jueves viernes sábado lunedì martedì mercoledì giovedì venerdì sabato domenica \
        maandag dinsdag woensdag donderdag vrijdag zaterdag zondag poniedziałek wtorek środa środę czwartek piątek sobotę niedziela niedzielę \
        segunda-feira segunda_feira terça_feira quarta_feira quinta_feira sexta_feira måndag tisdag onsdag torsdag fredag lördag söndag \
        pazartesi salı çarşamba perşembe cumartesi понедельник вторник четверг пятница пятницу суббота субботу воскресенье \
        सोमवार मंगलवार बुधवार गुरुवार शुक्रवार शनिवार रविवार الاثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد \
        月曜日 火曜日 水曜日 木曜日 金曜日 土曜日 日曜日 星期一 星期二 星期三 星期四 星期五 星期六 星期日 星期天 周一 周二 周三 周四 周五 周六 周日",
    ),
    (
        WEEKDAY_WEAK,
        0,
        "mon tue tues wed thu thur thurs fri sat sun mo di mi do fr sa so lun mar mer jeu ven sam dim jue vie sáb dom gio sab \
        ma wo vr za zo pon wt śr czw pt sob niedz niedz seg ter qua qui sex mån tis ons tor fre lör sön pzt sal çar per cum cuma cmt paz pazar \
        пн вт ср чт пт сб вс среда среду domingo sobota",
    ),
    (
        RELATIVE,
        0,
        "yesterday today tomorrow tonight gestern heute vorgestern übermorgen hier aujourd'hui demain ayer hoy mañana anteayer \
        ieri domani gisteren wczoraj jutro ontem amanhã igår imorgon dün yarın \
        вчера завтра послезавтра позавчера أمس غدا غداً 昨日 明日 昨天 明天 前天 后天 後天 先週 今週 来週 先月 今月 来月 去年 今年 来年 \
        上周 本周 下周 上个月 下个月 明年 day_before_yesterday day_after_tomorrow i_går i_morgon i_kväll avant_hier après_demain dopodomani \
        pojutrze przedwczoraj eergisteren overmorgen anteontem pasado_mañana 昨晚 今晚 今朝 कल_रात \
        morgen vandaag oggi hoje idag i_dag dziś dzisiaj bugün сегодня 今日 今天 आज कल परसों اليوم بكرة الأمس haftaya \
        上週 下週 本週 这周 下個月 上個月 cette_nuit ce_soir ce_matin i_morse dziś_rano this_evening this_morning this_afternoon stamattina stasera \
        heute_abend heute_morgen vanavond vanmorgen vanmiddag",
    ),
    (
        NEXT,
        0,
        "next last this past coming previous following nächste nächsten nächster nächstes letzte letzten letzter letztes kommende kommenden diese diesen dieses vergangene vergangenen \
        cette prochain prochaine próximo próxima pasado pasada este esta prossimo prossima scorso scorsa questo questa volgende vorige afgelopen deze komende dit \
        następny przyszły przyszłym zeszły zeszłym zeszłego ubiegłym passado passada förra nästa denna geçen gelecek önümüzdeki \
        следующий следующая следующей прошлый прошлая прошлой прошлом следующем этой этом पिछले अगले इस \
        القادم القادمة المقبل المقبلة الماضي الماضية prossimi prossime próximos próximas kommande föregående ubiegłego",
    ),
    (
        PERIOD,
        0,
        "week weekend month year quarter morning afternoon evening night fortnight semester woche wochenende monat jahr quartal morgen vormittag nachmittag abend nacht \
        semaine mois année trimestre matin après-midi soir nuit semana mes año trimestre fin_de_semana tarde noche settimana mese anno trimestre mattina pomeriggio sera notte \
        weekeinde maand jaar kwartaal ochtend middag avond tydzień tygodniu miesiąc miesiącu miesiąca rok roku semestr mês ano manhã noite \
        vecka månad år kvartal hafta ay yıl неделя неделе месяц месяце год году квартал утро вечер सप्ताह हफ़्ते महीने साल वर्ष \
        неделю неделей الأسبوع الشهر السنة العام veckan månaden året",
    ),
    (
        YEAR_CUE,
        0,
        "in since until till year years circa during after before by from early late mid fiscal fy spring summer autumn fall winter act_of class_of copyright © \
        jahr jahre seit bis ab anno sommer herbst frühling année depuis en dès vers jusqu'en été automne hiver printemps desde año hasta durante verano invierno otoño primavera \
        nel dal al anno dall' fino estate autunno inverno sinds tot jaar vanaf zomer roku w od do latem zimą ano em até verão inverno sedan år sommaren våren hösten vintern under \
        yılı в с году год года до после साल سنة عام منذ",
    ),
    (
        DATE_CUE,
        0,
        "on since until till by from date dated due today is was effective expires deadline before after through thru am vom bis zum seit ab den datum fällig \
        le du au depuis dès jusqu'au date el del desde hasta fecha il dal al entro data op tot vanaf datum dnia do od em até desde data den från till datum fram tarih с до от дата",
    ),
    (HALF, 0, "am pm बजे صباحا صباحاً مساء مساءً"),
    (HOUR, 1, "uhr बजे"),
    (
        HOUR,
        0,
        "h heures heure horas uur godz godzina час часов часа ore",
    ),
    (AT_HOUR, 2, "kl klockan saat الساعة"),
    (
        AT_HOUR,
        0,
        "at um gegen à às as alle ore om o godz в ب en a las ab von bis tegen को रात शाम सुबह",
    ),
    (
        OF,
        0,
        "of de del di du des der den dem d la le les do da dos das del della dei delle den het de_la",
    ),
    (
        YEARS,
        1,
        "jahre jahren jährige jähriger jähriges jährigen jährig ans años anni jaar jarige lat lata rok letni letnia letniego letniej anos år årig åriga årige yaş yaşında yaşındayım yaşındaki лет года год летний летняя वर्ष साल वर्षीय سنة سنوات عاما عاماً عام 岁 周岁 歳 才",
    ),
    (YEARS, 2, "years year yr yrs yo"),
    (OLD, 0, "old alt of_age"),
    (
        AGED,
        0,
        "aged age ages alter turned turning âge âgé âgée agé agée edad età eta idade leeftijd wiek wieku ålder åldern yaş yaşı возраст आयु उम्र العمر عمره عمرها عمري 年齢 年龄 年齡",
    ),
    (QUARTER, 0, "q quarter quartal trimestre kwartał kwartaal kvartal"),
    (AGO, 0, "ago earlier geleden temu fa önce назад пہلے पहले sedan"),
    (
        SPAN_UNIT,
        0,
        "minute minutes hour hours day days week weeks month months year years minuten stunde stunden tag tagen wochen woche monat monaten jahr jahren \
        jour jours semaine semaines mois an ans heures día días semana semanas mes meses año años hora horas giorno giorni settimana settimane mese mesi anno anni ore \
        dag dagen weken maand maanden jaar jaren uur dzień dni tygodnie tygodni miesiąc miesiące miesięcy lat lata godzin dia dias mês anos \
        dagar veckor månader år gün hafta ay yıl saat день дня дней недели недель месяц месяца месяцев год года лет часов दिन हफ़्ते महीने साल",
    ),
    (BEFORE_SPAN, 0, "vor il_y_a hace há för قبل منذ"),
    (
        ZONE,
        0,
        "utc gmt cet cest est edt cst cdt mst mdt pst pdt bst msk ist jst mez mesz mek",
    ),
];
