"""Words for the demo's mail: people, subjects and sentences in several languages."""

PEOPLE = [  # Name, address, language.
    ("Anna Berger", "anna.berger@nordlicht.example", "de"),
    ("Jürgen Müller", "j.mueller@weissgerber.example", "de"),
    ("Claire Dupré", "claire.dupre@atelier-sud.example", "fr"),
    ("François L'Hôte", "francois@atelier-sud.example", "fr"),
    ("Иван Петров", "petrov@severstroy.example", "ru"),
    ("Ольга Смирнова", "olga@severstroy.example", "ru"),
    ("山田 太郎", "yamada@hikari.example", "ja"),
    ("佐藤 花子", "sato@hikari.example", "ja"),
    ("李 伟", "li.wei@donghai.example", "zh"),
    ("王 芳", "wang.fang@donghai.example", "zh"),
    ("Smith, John", "john.smith@contoso.example", "en"),
    ("Mary O'Brien", "mary.obrien@contoso.example", "en"),
    ("Dr. Amit Patel", "amit@patel-labs.example", "en"),
    ("", "support@ticketing.example", "en"),
]

SUBJECTS = {
    "en": ["Invoice 4711 for March", "Meeting notes from Tuesday", "Contract draft, second version",
           "Delivery moved to Friday", "Question about your offer", "Lunch next week?"],
    "de": ["Angebot für die Büromöbel", "Rechnung über 1.250,00 €", "Rückfrage zum Vertrag",
           "Terminänderung: Übergabe der Räume", "Grüße aus München", "Protokoll der Sitzung"],
    "fr": ["Réunion de mardi à l'agence", "Pièces jointes demandées", "Facture n° 2025-118",
           "Déjeuner d'équipe à la rentrée", "Très bonne nouvelle"],
    "ru": ["Счёт на оплату", "Договор поставки, правки", "Встреча в четверг", "Отчёт за квартал"],
    "ja": ["会議の資料について", "請求書を送付いたします", "納期変更のお知らせ", "お見積りの件"],
    "zh": ["合同草案请查收", "项目进度报告", "关于付款的问题", "明天下午的会议"],
}

SENTENCES = {
    "en": ["Thank you for your message.", "Please find the documents attached.",
           "We agreed on a delivery by the end of the month, but the carrier needs two more days.",
           "Could you confirm the figures on page three?", "I will be out of office on Monday.",
           "The total comes to 1,250.00 EUR including VAT.", "Let me know what you think."],
    "de": ["Vielen Dank für Ihre Nachricht.", "Anbei erhalten Sie die gewünschten Unterlagen.",
           "Könnten Sie die Zahlen auf Seite drei bitte prüfen?",
           "Wir müssen den Termin verschieben.",
           "Die Lieferung verzögert sich um zwei Tage.", "Mit freundlichen Grüßen"],
    "fr": ["Merci pour votre message.", "Vous trouverez les pièces demandées ci-jointes.",
           "Pourriez-vous vérifier les chiffres de la page trois ?",
           "La réunion est déplacée à jeudi.",
           "Bien cordialement"],
    "ru": ["Спасибо за ваше письмо.", "Документы во вложении.", "Проверьте, пожалуйста, суммы.",
           "Встреча переносится на четверг.", "С уважением"],
    "ja": ["いつもお世話になっております。", "資料を添付いたしますので、ご確認ください。",
           "納期が二日遅れる見込みです。", "よろしくお願いいたします。"],
    "zh": ["感谢您的来信。", "附件是您需要的文件，请查收。", "请确认第三页的数字。", "此致敬礼"],
}

# Charset and transfer encoding programs of that language really use.
CHARSETS = {
    "en": [("us-ascii", "7bit"), ("utf-8", "quoted-printable"),
           ("windows-1252", "quoted-printable")],
    "de": [("utf-8", "quoted-printable"), ("windows-1252", "8bit"),
           ("iso-8859-1", "quoted-printable")],
    "fr": [("utf-8", "quoted-printable"), ("windows-1252", "quoted-printable"), ("utf-8", "8bit")],
    "ru": [("koi8-r", "8bit"), ("utf-8", "base64"), ("windows-1251", "base64")],
    "ja": [("iso-2022-jp", "7bit"), ("utf-8", "base64"), ("shift_jis", "base64")],
    "zh": [("gb18030", "base64"), ("utf-8", "base64"), ("gb2312", "base64")],
}
