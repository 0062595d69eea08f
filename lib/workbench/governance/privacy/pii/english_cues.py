"""The words after which English names a person, and a pattern that passes over the texts without them."""

import re

LETTER = "A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ"
LABEL = (
    r"(?:recipient|addressee|consignee|cardholder|card ?holder|ac{1,2}oun?t ?holder|account|contact|"
    r"contact person|customer|"
    r"receiver|"
    r"sender|buyer|purchaser|full|first|last|family|given|billing|shipping|delivery|holder|passenger|payee|beneficiary|"
    r"guest|client|owner|patient|traveller|traveler|tenant|participant|maiden|registered|"
    r"your|his|her|their|birth|legal|real)"
)
PERSON = (
    r"(?:seller|vendor|tenant|landlord|landlady|applicant|claimant|complainant|complaint (?:by|from)|donor|giver|"
    r"giftee|subscriber|member|employee|signatory|author|reviewer|witness|guardian|parent|insured|policy ?holder|"
    r"lessee|renter|driver|caller|visitor|importer|exporter|shipper|client|customer|guest|patient|buyer|user|"
    r"owner|registered (?:owner|keeper|user)|keeper|attendee|participant|student|traveller|traveler|booker|"
    r"organi[sz]er|nominee|next of kin|emergency contact|spouse|husband|wife|son|daughter|mother|father|invoice to|"
    r"invoiced to|billed to|shipped to|delivered to|send to|sent to|paid by|payer|payor|purchased by|bought by|"
    r"sold by|packed by|handled by|served by|collected by|picked up by|received by|signed(?: for)? by|signature|"
    r"signed|submitted by|requested by|issued to|registered to|gift for|gift from|present for|reserved for|"
    r"booked for|reservation for|booking for|order for|parcel for|package for|letter for|for pick-?up by|"
    r"authori[sz]ed (?:person|collector|by)|lead (?:guest|passenger)|main guest|party|drop ?off by|honou?ree|"
    r"bride|groom|winner|reported by|point of contact|poc|assigned to|account manager|case handler|who|person|"
    r"persona|ordered for|recipient[ ]?\d|co-?signer|co-?applicant|alternate contact|in charge)"
)
"""Before a colon or an equals sign."""
ROLE = (
    r"(?:recipient|addressee|consignee|receiver|card ?holder|ac{1,2}oun?t ?holder|contact person|contact name|payee|"
    r"beneficiary|passenger|ship(?:ping)? to|deliver(?:y)? to|bill(?:ing)? to|sold to|sender|purchaser|collected by|"
    r"collector|bearer|ordered by|prepared for)"
)
THING = (
    r"(?:it|this|that|them|him|her|everything|only|directly|personally|over|"
    r"(?:the|my|our|a|your) (?:parcel|package|order|box|item|goods|delivery|letter)|parcel|order)"
)
KIN = (
    r"(?:husband|wife|son|daughter|partner|boyfriend|girlfriend|fiancée?|brother|sister|mother|father|mum|mom|dad|"
    r"uncle|"
    r"aunt|cousin|nephew|niece|grandson|granddaughter|friend|colleague|coworker|co-worker|neighbou?r|flatmate|roommate|"
    r"housemate|landlord|landlady|assistant|boss|secretary|carer)"
)
STAFF = (
    r"(?:driver|courier|postman|mailman|agent|representative|rep|manager|clerk|cashier|advisor|adviser|operator|"
    r"receptionist|supervisor|salesman|saleswoman|salesperson|consultant|technician|concierge|doorman|colleague|"
    r"gentleman|handyman|plumber|electrician|fitter|installer|mechanic|engineer|repair ?man|nurse|pharmacist|doctor|"
    r"teacher|trainer|stylist|florist|boy|girl|chap|bloke|lad|postie|carrier|rider|assistant|"
    r"lady|someone|somebody|person|man|woman|guy|employee|neighbou?r)"
)
CAPITAL = r"(?-i:[A-ZÀ-Þ])"
WRAPPED = r"[\"“”'‘(\[<*_«{]{0,2}"
CUES = re.compile(
    r"(?:(?P<strong>\bnames?(?:'s|’s| is| was| reads?| (?:should|must|has to|needs to) (?:be|read|say))(?![A-Za-z])|"
    r"\b(?:my|his|her|their|whose) (?:full |real )?names?:|"
    r"\bi(?: am|'m|’m) called|"
    r"\bname (?:on|of|for) (?:the |my |our )?(?:order|parcel|card|account|package|label|door ?bell|bell|booking|"
    r"recipient|"
    r"cardholder|customer|sender|buyer|account holder)(?: is|:|(?=[ ](?-i:[A-Z])))|"
    r"\b(?:under|in) the name(?: of)?|\bby the name(?: of)?)"
    rf"|(?P<field>(?<![A-Za-z\-_])(?:{LABEL}(?:'s|’s)?[ _-]?)?name(?: in full| as [a-z ]{{2,25}}|"
    rf" \([^)\n]{{1,30}}\))?[\"']?\s?[:=]|"
    rf"\b{ROLE}(?: name| is)?\s?[:=-]|"
    rf"(?<![A-Za-z\-_]){PERSON}(?:['’]s)?(?: (?:full )?name)?(?: \([a-z ]{{2,20}}\))?\s?[:=]|"
    rf"\b(?:in|under|on|with) (?:[\w'’]+ ){{1,3}}?(?:sur)?names?\s?[,:(=]|\b(?:recipient|"
    rf"addressee)(?: name)?(?: is)?(?! (?:from|to|ids?)\b)|(?:^|"
    rf"(?<=\n))to\s?:)"
    rf"|(?P<label>\b(?:{LABEL}(?:'s|’s)? name(?=[ ])(?! (?:is|was|on|of|for|from|to|reads?|should|must|has|needs)\b)|"
    rf"(?!card holder){ROLE}(?: is)?(?=[ ])(?! (?:from|to|ids?)\b)))"
    rf"|(?P<to>\b(?:re-?)?(?:deliver(?:ed|y)?|ship(?:ped|ment)?|addressed|hand(?:ed|ing)?|give|gave|given|registered|"
    rf"belong(?:s|ed|ing)?|made out|issued|sold)(?: {THING})?(?: over)? to|"
    r"\b(?:sent|mailed|posted|forwarded|redirected|returned|billed|transferred|assigned|credited) to|"
    r"\b(?:name|recipient|addressee|cardholder)(?: on (?:it|the \w+|my \w+|order))? (?:from|to)|\bc/o|\bcare of|"
    r"\bask(?:ing|ed)? for|"
    r"\b(?:speak|talk|spoke|speaking|spoken|chat|chatted|chatting|dealt|dealing) (?:to|with|w/)|"
    rf"\b(?:left|leave|leaving)(?: {THING})? (?:with|w/))"
    r"|(?P<by>\b(?:signed(?: for)?|ordered|placed|collected|accepted|received|picked up|booked|bought|purchased|sent|"
    r"handled|served|helped|submitted|requested|returned|answered|opened|taken|written|posted|"
    r"review(?:ed)?|packed|prepared|issued|approved|pick[ -]?up|collection) by(?=[ ])|"
    r"\bintroduced (?:him|her|them|my)sel(?:f|ves) as(?=[ ])|"
    rf"(?:\b(?:thanks?|kudos|credit|shout ?out) to|\bgreetings from|"
    r"\b(?:label|doorbell|sticker|envelope|slip|receipt) (?:said|says|reads?|shows|showed)|"
    r"\b(?:courier|postman|cashier|clerk|agent|rep|representative|technician|salesperson|receptionist|advisor))"
    rf"(?=[ ]{WRAPPED}{CAPITAL})|"
    rf"(?:\b(?:my|our|his|her|their) {KIN},?|\b{STAFF},?(?: (?:called|named))|\b(?:my|your|the|our|an?|delivery|sales|"
    rf"store) {STAFF},?|"
    rf"\bwho(?: is|'s|’s)|"
    rf"\b(?:contact|on behalf of|in memory of|authori[sz]e|permission to|(?:gift|present|parcel|package|order|"
    rf"delivery|booking|reservation|appointment|letter|box|table|room|account|card|voucher|cake|bouquet|invitation|"
    rf"booked|reserved|meant|intended|made|engraved|personali[sz]ed) (?:is |was )?for|(?:in|under|with) (?:[\w'’]+ )?"
    rf"(?:sur)?names?|goes by|known as|surname|maiden name|n[ée]e|married to|accompanied by))(?=[ ]{WRAPPED}{CAPITAL}))"
    r"|(?P<slot>\b(?:collection|collect(?:ed|ing)?|pick(?:ed|ing)?[ -]?up|pickup|driver|courier|visitor)"
    r"(?:[ ](?:[a-z]+|\d{1,2}(?:[:.h]\d{2})?(?:[ ]?[ap]\.?m\.?)?)){0,4}\s?:(?!\d))"
    r"|(?P<attn>\b(?:attn|att|fao)\b\.?|\battention(?=\s?:)|\bfor the attention of)"
    r"|(?P<dear>\bdear)"
    r"|(?P<signed>\bsigned(?=\s*[,:\-–—\n])|\b(?:(?:kind|best|warm|kindest|warmest|many)\s+)?(?:regards|wishes)|\brgds|"
    r"\b(?:sincerely|respectfully|cordially|faithfully)(?: yours)?|"
    r"\byours (?:truly|faithfully|sincerely))"
    r"|(?P<bye>\b(?:thanks(?: again| a lot| so much)?|thank you(?: very much| so much)?|many thanks|with thanks|thx|"
    r"cheers|"
    r"best wishes|all the best|best|love|yours|warmly|take care|xoxo|ta)(?=\s*[,!.]?\s*\n|\s*,))"
    rf"|(?P<dash>(?:^|(?<=[.!?][ ])|(?<=\n))[-–—~]{{1,2}}(?=[ ]?{CAPITAL}))"
    rf"|(?P<am>\bi(?: am|'m|’m)(?=[ ]{WRAPPED}{CAPITAL}))"
    r"|(?P<title>(?<![A-Za-z'’.\-])(?:mr|mrs|ms|miss|mx|dr|prof)\b\.?(?=[ \t]+))"
    r"|(?P<speaking>\bthis is|\bit's|\bit is)(?=\s))(?!(?<=[A-Za-z])[A-Za-z0-9])",
    re.IGNORECASE,
)
ASKED = re.compile(
    r"(?P<asked>\b(?:names?|who|whom|recipient|cardholder|addressee)\b[^\n:]*(?:\n+|[?!.]\s+)[A-Za-z][A-Za-z ]{0,15}:)",
    re.IGNORECASE,
)
"""What is asked for in one turn of a dialogue stands in the next."""
GAP = re.compile(rf"[ \t]*(?:[,:=\-–—]+|[!.]?\n)?\s*{WRAPPED}")
HERE = re.compile(
    rf"(?:^|(?<=[.!?,\n][ ])|(?<=\n)|(?i:(?<=\bhi )|(?<=\bhello )|(?<=\bhey )))"
    rf"[A-ZÀ-Þ][{LETTER}'’\-]+(?:[ ][A-ZÀ-Þ][{LETTER}.'’\-]*){{0,2}}(?=[ ]here(?:\s*[,.!:;\-–—]|\s*$|[ ](?:again|"
    rf"from)\b)|"
    rf"[ ]from (?:customer|support|sales|billing|returns|your)\b)"
)
AWAY = re.compile(r"(?:sent|mailed|posted|forwarded|redirected|returned|transferred)\b", re.IGNORECASE)
"""What goes to a place as often as to a person."""
BECOMES = re.compile(rf"{WRAPPED}[ ](?:in)?to[ ]{WRAPPED}")
"""Between the old name and the new one."""

SPOKEN = re.compile(r",?\s+(?:speaking|calling|on the (?:phone|line)|writing)\b", re.IGNORECASE)
CLOSED = re.compile(r"\s*(?:$|[^\w\s'’])")
HINT = (
    r"(?i)(?:^|[^A-Za-z])names?(?:['’]s|[\"']?\s?[:=]| is| was| in full| as | \(| reads?| should| must| has| needs|"
    r" (?:on|of|for) )|\b(?:in|under|by) the name|"
    r"\bi(?: am|['’]m) |"
    rf"\b{LABEL}(?:['’]s)?[ _-]?name\b|\b{ROLE}\b|(?:^|\n)to\s?:|"
    rf"(?:deliver|ship|address|hand|gave|give|register|belong|made out|issue|sold|{THING}|ed|en|y|ment|ing|s) to\b|"
    rf"\b(?:speak|talk|spoke|speaking|spoken|chat|chatted|chatting|dealt|dealing) (?:to|with|w/)|\bc/o|\bcare of|"
    rf"\b(?:left|leave|leaving)(?: {THING})? (?:with|w/)|\bask(?:ing|ed)? for|"
    r"\b(?:signed|for|ordered|placed|collected|accepted|received|picked up|booked|bought|purchased|sent|handled|"
    r"served|helped|submitted|requested|returned|answered|opened|taken) by\b|"
    rf"\b(?:my|our|his|her|their|your|the|an?) (?:{KIN}|{STAFF})\b|\bwho(?: is|['’]s)|\b{STAFF},? (?:called|"
    rf"named)\b|"
    r"\bsel(?:f|ves) as\b|\bintroduced \w+ as\b|\b(?:written|posted|review(?:ed)?|packed|prepared|issued|"
    r"approved|pick[ -]?up|collection) by\b|"
    r"\b(?:thanks?|kudos|credit|shout ?out|sent|mailed|forwarded|redirected|returned|billed|over) to\b|"
    r"\bgreetings from|"
    r"\b(?:label|doorbell|sticker|envelope|slip|receipt) (?:said|says|read|show)|"
    r"[A-ZÀ-Þ] from (?:customer|support|sales|billing|returns|your)\b|"
    r"\b(?:name|recipient|addressee|cardholder)\b.* (?:from|to)\b|"
    r"\b(?:courier|postman|cashier|clerk|agent|rep|representative|technician|salesperson|receptionist|"
    r"advisor) [^a-z]*[A-ZÀ-Þ]|"
    r"(?:[a-z]|\))\s?[:=]|\b(?:in|under|on|with) \S+ .*names?\b|surname|authori[sz]e|permission to|goes by|known as|"
    r"n[ée]e [A-Z]|"
    r"married to|accompanied by|(?-i: for [^a-z]?[A-ZÀ-Þ])|"
    r"\bcontact|\bon behalf of|\bin memory of|"
    r"\b(?:collect|collection|collected|collecting|pick(?:ed|ing)?[ -]?up|driver|courier|visitor)\b[^:]*:|"
    r"\batt(?:n|ention)?\b|\bfao\b|\bdear|\bsigned|\bregards|\bwishes|\brgds|\bsincerely|\brespectfully|"
    r"\bcordially|"
    r"\bfaithfully|\byours|\b(?:thanks|thank you|thx|cheers|best|love|warmly|take care|xoxo|ta)\b[^,\n]*[,\n]|"
    r"(?:^|[.!?] |\n)[-–—~]{1,2} ?[A-ZÀ-Þ]|"
    r"\b(?:names?|who|whom|recipient|cardholder|addressee)\b(?s:.*):|"
    r"\b(?:mr|mrs|ms|miss|mx|dr|prof)\b\.?[ \t]|\b(?:this is|it is|it's)\s.*(?:speaking|calling|writing|on the)|"
    r"\bhere\b"
)
