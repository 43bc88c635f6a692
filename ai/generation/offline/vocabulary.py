"""What words mean to the planner: tables, and nothing else."""

from __future__ import annotations

import re


def words(text: str) -> frozenset[str]:
    """The words of a table's cell."""
    return frozenset(text.split())


NUMERIC = words(
    """amount price cost salary income sum value total day days minutes hours weight distance
    quantity score rate ratio credit credits points area rent size budget spent stock impact
    percent percentage share sessions delay interest fee tax net gross count duration visits
    level temperature capacity month months year years age mileage turnover revenue expenses
    balance limit volume width height length deposit penalty discount bonus headcount attendance
    occupancy grade units pieces kilometres kilometers kg km copies participants guests rooms
    premium wage payment debt loan instalments rating speed pressure humidity usage cpu memory
    minimum maximum term hour minute week weeks downtime deductible margin profit loss"""
)
TEXTUAL_ENDS = words("number id code name type reason text title plan status address class")
DATES = words("date deadline birth birthday birthdate day")
LONG_TEXTS = words(
    """text message description letter essay cv resume complaint contract answer answers review
    feedback comment comments article document report transcript notes summary reason story
    statement request question enquiry inquiry email minutes content proposal abstract features
    plan objection appeal application"""
)
MONEY = words(
    "amount price cost sum value total fee salary income budget rent net gross claim payment spend"
)
MONEY_UNITS = words("euro euros eur usd dollar dollars pound pounds gbp chf francs bucks")
AGE_BEARERS = words(
    """resident applicant child citizen people person adult visitor member customer participant
    candidate driver minor anyone guest buyer volunteer employee patient user"""
)

ROLE_HEADS = words(
    """manager director lead leader head officer agent supervisor controller dispatcher clerk nurse
    doctor physician receptionist engineer owner editor lawyer counsel paralegal teacher adviser
    advisor committee board worker office team recruiter accountant principal dean professor
    inspector auditor admin administrator chief boss reviewer approver coordinator specialist
    analyst expert colleague secretary mayor council desk planner technician operator treasurer
    ceo cfo cto coo human moderator librarian registrar curator chair chairman chairwoman
    chairperson president partner department bookkeeper underwriter adjuster pharmacist surgeon
    therapist foreman steward custodian commissioner superintendent tutor examiner staff
    caseworker someone somebody hr ombudsman notary attorney legal counselor counsellor
    pharmacy procurement accounting finance buyer scheduler warden guard veterinarian vet
    curator caretaker gatekeeper concierge producer publisher designer developer architect person"""
)
# They give data mostly, and decide where the text says so with a verb.
OTHER_PEOPLE = words(
    "customer student employee patient applicant citizen parent client supplier candidate user"
    " requester guest tenant driver member"
)
ROLE_MODIFIERS_NOT = words(
    """a an the by to from with and or if is are be it its as per each their this that our your my
    will shall must should has have had needs need require requires required ask asks asked let
    lets via then first before after when whether who whom which at least only another through
    inform tell notify send sends goes go pass passes forward routed escalated decided handled
    approved signed confirmed reviewed for of also always never can may in on please get gets
    otherwise else finally him her them request requests requesting review approval decision
    contact contacts involve involves consult under above below over not n't reach reaches make
    makes because so until unless show shows give gives hand hands pick picks have's what"""
)
DECIDING = (
    r"approv\w*|decid\w*|decision|confirm\w*|sign(?:s|ed)?[ -](?:\w+ )?off|sign-off|agree\w*"
    r"|countersign\w*|review\w*|check(?:s|ed)?\b|verif\w+|look(?:s|ed)? (?:at|over|into)|choos\w+"
    r"|pick(?:s|ed)?\b|grant\w*|den(?:y|ies)|accept\w*|releas\w+|authori[sz]\w+|permission|consent"
    r"|okay\w*|\bok\b|reject\w*|select\w*|judg\w+|assess\w*|evaluat\w+|handle[sd]?|examin\w+"
    r"|endors\w+|clear(?:s|ed|ance)\b|sign(?:s|ed)?\b|inspect\w*|green light|go-ahead|vet(?:s|ted)\b"
)
SENDING_TO = (
    r"(?:go(?:es)?|gets?|sent?|pass(?:es|ed)?|forward(?:s|ed)?|rout(?:e|es|ed|ing)|escalat\w+"
    r"|hand(?:ed|s)?(?: over| on)?|assign(?:s|ed)?|refer(?:s|red)?|pass(?:es|ed)? on|transfer\w*"
    r"|brought|submitted|presented|shown|up|on|others?|ones|rest|else)"
)
ASKING = r"\b(?:wait(?:s|ing)? for|ask(?:s|ed|ing)?|consult\w*|involv\w+|needs?|requir\w+|have|has to|let|get)\b"
GIVING = (
    r"(?:enter\w*|hand(?:s|ed)? in|fill\w*|submit\w*|provid\w+|state[sd]?|giv\w+|uploads?|report\w*"
    r"|suppl\w+|type[sd]?|writes?|sends?|send in|request\w*|appl(?:y|ies)|record(?:s|ed)?|keys?|"
    r"collect\w*|notes?|registers?|files?|lists?)"
)

AI_MARKS = re.compile(
    r"\b(?:AI|A\.I\.|artificial intelligence|language model|LLM|GPT|chatgpt|machine learning"
    r"|generative|copilot|assistant model)\b"
    r"|\b(?:summari[sz]\w*|classif\w+|translat\w+|paraphras\w+|rephras\w+|sentiment)\b",
    re.I,
)
AI_DRAFTING = re.compile(
    r"\b(?:draft|compose|phrase)\w*\s+(?:\w+\s+){0,3}"
    r"(?:repl|answer|letter|text|message|newsletter|post|email|response|notice|article)\w*",
    re.I,
)
CLASSIFYING = re.compile(
    r"\b(?:classif\w+|categori[sz]\w+|rat(?:e|es|ed|ing)|label\w*|judg\w+|sort\w*|sentiment|tag\w*"
    r"|triag\w+|assign\w*|detect\w*|determin\w+|decid\w+)\b",
    re.I,
)
EXTRACTING = re.compile(
    r"\b(?:extract|pull out|pick out|identify)\w*\s+(?P<list>[^.;:]+?)"
    r"(?=\s+(?:from|out of|with|using|by)\b|,? and (?:let|have|then|ask|the \w+ (?:must|has|checks))"
    r"|$)",
    re.I,
)

READING = re.compile(
    r"\b(?:fetch|read|load|pull|look up|get|retriev|download|poll|import|obtain|quer)\w*", re.I
)
METHODS = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD)(?:ed|s)?\b|\b(post|put)(?:ed|s)?\b")
SENDING = re.compile(
    r"\b(?:send|post|publish|submit|regist|push|stor|call|notif|report|forward|creat|sav|book"
    r"|upload|deliver|hand|writ|transfer|releas)\w*",
    re.I,
)
NEGATIVE_CHOICES = words(
    """reject deny decline refuse discard return ignore cancel close stop send withhold block fail
    dismiss revoke hold delete disapprove veto abort drop postpone"""
)
POSITIVE_CHOICES = words(
    """approve accept confirm release grant agree sign authorise authorize allow permit endorse clear
    okay ok yes publish keep pay invite"""
)

REJECTING = re.compile(
    r"\b(?:reject|declin|deni|deny|refus|discard|turned down|fail|stop|end there|ends there|cancel"
    r"|abort|block|not (?:accepted|granted|eligible|approved|paid)|sent back|return(?:ed|s)? to)\w*",
    re.I,
)
MUST = re.compile(
    r"\b(?:must|has to|have to|needs? to|should|shall|may only|can only|is required|are required"
    r"|required to|cannot|can't|may not|must not|mustn't|(?:is|are)n'?o?t? ?(?:not )?allowed|ought to"
    r"|make sure|ensure|verify|check that|check whether|validate|only valid|is valid|mandatory"
    r"|permitted|not be|accepted only|only accepted|allowed)\b",
    re.I,
)
FORBIDDING = re.compile(
    r"\b(?:is|are)(?:n't| not) (?:allowed|permitted|accepted|acceptable|valid|ok|possible)\b"
    r"|\b(?:is|are) (?:forbidden|prohibited|invalid)\b|\bnot allowed\b"
    r"|\b(?:must|may|can|should|shall)(?: not|n't)\b|\bcannot\b",
    re.I,
)

# What no step type does, as (what the text says, what is missing).
UNSUPPORTED: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"\b(?:emails?|mails?)\b[^.]*\b(?:is|are|gets?|be) sent\b"
            r"|\b(?:send|sends|sent|notify|inform|forward)\b[^.]*\b(?:emails?|by mail|mails?)\b"
            r"|\b(?:email|mail)s? (?:the|it|them|him|her|a)\b|\bby email\b"
            r"|\bgets? an? (?:\w+ )?(?:email|mail|message)\b",
            re.I,
        ),
        "No step type sends e-mail. Add an HTTP step that calls your mail service.",
    ),
    (
        re.compile(
            r"\b(?:sms|text message|whatsapp|slack|teams message|push notification)\b", re.I
        ),
        "No step type sends messages. Add an HTTP step that calls your messaging service.",
    ),
    (
        re.compile(
            r"\b(?:print(?:s|ed)?\b(?! money)|fax|by post(?:al)? mail|scan(?:s|ned)?)\b", re.I
        ),
        "No step type prints, scans or sends letters: somebody does it outside the workflow.",
    ),
    (
        re.compile(
            r"\b(?:phone(?:s|d)?|telephone) (?:the|him|her|them)\b|\bby (?:tele)?phone\b", re.I
        ),
        "No step type makes telephone calls: somebody does it outside the workflow.",
    ),
)
