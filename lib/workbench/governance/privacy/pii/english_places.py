"""Parts of an English address but its street: postcodes, states, countries, flats and towns, as patterns."""

LETTER = "A-Za-zÀ-ÖØ-öø-ɏ"
UK_CODE = r"(?i:[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}|GIR 0AA)"
CA_CODE = r"(?i:[A-Z]\d[A-Z][ -]?\d[A-Z]\d)"
IE_CODE = r"(?i:[AC-FHKNPRTV-Y]\d[\dW][ ]?[0-9AC-FHKNPRTV-Y]{4})"
DISTRICT_CODE = r"(?i:dublin|cork|glasgow|paris|lyon|wien|vienna|budapest|praha|prague)[ ]\d{1,2}[Ww]?"
"""A town with the number of its postal district."""
CODE = r"(?:\d{6}|\d{3}[ ]\d{3}|\d{4}(?:[ ][A-Z]{2})?)(?![A-Za-z0-9]|[ \-–.,/:]?\d)"
"""Postcodes of India, China, Singapore, New Zealand, South Africa, the Netherlands and others, behind a town."""
US_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|"
    "PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|D\\.C\\.|PR|AS|GU|VI|MP|AE|AP"
)
PARTS = "ON|QC|BC|AB|MB|SK|NS|NB|NL|PE|YT|NT|NU|NSW|VIC|Vic|QLD|Qld|SA|TAS|Tas|ACT|WA"
STATE_NAMES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|"
    "Indiana|"
    "Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|"
    "Nebraska|Nevada|"
    "New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|"
    "Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|"
    "Wisconsin|Wyoming|Ontario|Quebec|British Columbia|Alberta|Manitoba|Saskatchewan|Nova Scotia|New South Wales|"
    "Victoria|Queensland|Western Australia|South Australia|Tasmania"
)
COUNTRY = (
    r"(?i:United Kingdom|Great Britain|England|Scotland|Wales|Northern Ireland|Republic of Ireland|Ireland|U\.K\.|"
    r"UK|GB|"
    r"United States(?: of America)?|U\.S\.A\.|U\.S\.|USA|Canada|Australia|New Zealand|Germany|Deutschland|Austria|"
    r"Switzerland|France|"
    r"Netherlands|The Netherlands|Belgium|Spain|Italy|Portugal|Sweden|Norway|Denmark|Finland|Poland|India|Singapore|"
    r"Hong Kong|South Africa|China|P\.?R\.?[ ]?China|Japan|South Korea|Korea|Taiwan|Macau|Malaysia|Thailand|Indonesia|"
    r"Philippines|Vietnam|Pakistan|Bangladesh|Sri Lanka|Nepal|Israel|United Arab Emirates|UAE|U\.A\.E\.|Saudi Arabia|"
    r"Qatar|"
    r"Egypt|Nigeria|Kenya|Ghana|Uganda|Tanzania|Morocco|Mexico|Brazil|Argentina|Chile|Colombia|Peru|Greece|Cyprus|"
    r"Malta|"
    r"Czech Republic|Czechia|Slovakia|Slovenia|Hungary|Romania|Bulgaria|Croatia|Serbia|Ukraine|Estonia|Latvia|"
    r"Lithuania|"
    r"Luxembourg|Iceland|Jamaica|N\.?Z\.?|Aotearoa)|US"
)
INNER = (
    r"(?:(?i:flat|apartment|apt|unit|suite|ste|room|rm|floor|fl|building|bldg|block|level|door|studio|penthouse|"
    r"shop|lot|house)\b\.?[ ]?(?i:no\.?[ ]?|number[ ])?#?[ ]?"
    r"(?:[A-Za-z]?\d{1,5}[A-Za-z]?(?:[/\-]\d{1,4}[A-Za-z]?)?|[A-Za-z])(?![A-Za-z0-9])|"
    r"#[ ]?[A-Za-z]?\d{1,4}[A-Za-z]?(?:-\d{1,4})?(?![A-Za-z0-9])|"
    r"(?i:(?:\d{1,2}(?:st|nd|rd|th)|ground|first|second|third|top|upper|lower|basement)[ ](?:floor|flat))\b)"
)
CITY = (
    rf"[A-ZÀ-Ý][{LETTER}'’.\-]*(?:[ ][A-ZÀ-Ý][{LETTER}'’.\-]*|[ ](?:upon|on|of|the|le|de|la|am|in|under|by|an der)"
    rf"(?=[ ][A-Z]))*|[A-Z][a-z]+(?:-[a-z]+)+-[A-Z][a-z]+"
)
SEP = r"(?:[ \t]*[,;][ \t]*\n?[ \t]*|[ \t]*\n[ \t]*|[ \t]+[-–][ \t]+|[ \t]+)"
END = r"(?![A-Za-z0-9])"
