"""Sentences that generate.py composes; {amount}, {months}, {share}, {topic} and {detail} are filled in."""

TOPICS = {
    "emergency_fund": ("the emergency fund", "my rainy day savings"),
    "credit_card_debt": ("the card balances", "the balance on my cards"),
    "retirement_catch_up": ("retirement saving", "what I have for retirement"),
    "budget_as_couple": ("the shared budget", "the money I share with my partner"),
    "variable_income": ("an uneven income", "months that never pay the same"),
    "first_home": ("the first home", "the flat we looked at"),
    "student_loans": ("the student loans", "my student loans"),
    "college_savings": ("saving for college", "my daughter's college fund"),
    "caring_for_parents": ("your parents' care", "the care my father needs"),
    "insurance": ("your cover", "the insurance offers on my desk"),
}

OPENINGS = (
    "I keep putting off {detail}, and it is {amount} dollars we are talking about.",
    "There are {amount} dollars tied up in this and I lose sleep over {detail}.",
    "Can we talk about {detail}? I looked it up and the figure is {amount}.",
    "My colleagues make it sound simple, but {detail} has been worrying me for {months} months.",
    "I finally opened the folder about {detail}. It says {amount} dollars.",
    "For {months} months I have told everyone that {detail} is fine. It is not.",
    "I had a bad night over {detail}; {amount} dollars is a lot for us.",
    "Everything to do with {detail} makes me want to close the laptop.",
)
FOLLOW_UPS = (
    "I did what you said. I can spare about {share} dollars a month, no more.",
    "That helps, but what if the next {months} months are worse than the last ones?",
    "I counted again and came to {share} a month. Is that as bad as it sounds?",
    "My sister says I should do it all at once. I would rather go slowly.",
    "Could you say that again with my own numbers? Say, {share} a month.",
    "I told my family about it. They were kinder than I had expected.",
    "And where do I find the time? Between work and home I have perhaps an hour a week.",
    "What would you look at first if you had {months} months?",
    "I am calmer now, but I still do not know what to do on Monday.",
)
CLOSINGS = (
    "Thank you. I will do the first step on Friday.",
    "That I can do. I will write to you in {months} weeks.",
    "I feel lighter than I did this morning.",
)

FEELINGS = {
    "anxious": ("A worry of this size", "That tight feeling", "Being on guard all day"),
    "ashamed": ("The shame you describe", "Hiding a thing like this", "Judging yourself so hard"),
    "overwhelmed": ("A heap like this", "So much at the same time", "Not knowing where to begin"),
    "confused": ("Advice from all sides", "So many rules at once", "A page full of jargon"),
    "frustrated": ("A quarrel that comes back", "Pulling in two directions", "Feeling unheard at home"),
    "grieving": ("A loss like yours", "Grief and paperwork together", "Doing this without them"),
}
VALIDATIONS = (
    "{feeling} would tire anyone, and with {amount} dollars of {topic} in the picture it makes sense.",
    "{feeling} is heavy, and you still brought {topic} up after {months} months; that counts for a lot.",
    "{feeling} says nothing bad about you: {topic} with {amount} dollars at stake is hard for most people.",
    "{feeling} is a fair response to {topic}, and {amount} dollars is only where we start from.",
    "{feeling} tends to shrink once {topic} has a number, and you have just given one: {amount}.",
    "{feeling} often comes with {topic}, and {months} months of it is long enough to carry alone.",
)
EXPLANATIONS = (
    "We can divide {amount} by {months} months; that gives about {share} a month, a figure you can hold against "
    "your other plans without guessing.",
    "The reason to begin small is that a step of {share} a month survives a bad week, while a step of three times "
    "that rarely does.",
    "Two things decide how this goes: what comes in on the same day each month, and what leaves before you see it. "
    "We can move the second one.",
    "It helps to separate what is urgent from what is loud. The date on a letter is urgent; the opinion of a cousin "
    "is only loud.",
    "Time is doing part of the work here. In {months} months even {share} dollars a month adds up to more than the "
    "feeling tells you.",
    "Think of it as a path with a bench every {months} months: we walk, sit down, look at the map and change course "
    "when life has changed.",
)
STEPS = (
    "For this week I would suggest one thing: move {share} dollars into an account with its own name, and leave the "
    "rest exactly as it is.",
    "One step is enough for now: write the three largest bills on a card, with their dates, and put it where you "
    "drink your coffee.",
    "You might set up an automatic transfer of {share} for the day after payday, so that the choice is made once.",
    "Before Friday, send me the rate and the balance of only one of them, and we go on from there together.",
    "Take twenty minutes with the person you share this with, and agree on nothing but the next {months} weeks.",
)
QUESTIONS = (
    "Does that feel possible?",
    "What would make that easier for you?",
    "Shall we pick the day now?",
    "How does that sit with you?",
    "Would you like to hear the reason behind it first?",
    "Is there anything in that which worries you?",
)
