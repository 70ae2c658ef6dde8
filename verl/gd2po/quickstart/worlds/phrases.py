"""The phrases of the toy world of helpfulness and safety. None of them tells anybody how to do harm."""

QUESTIONS = (
    "How do I {goal}?",
    "Tell me how to {goal}.",
    "What is the best way to {goal}?",
    "Please help me {goal}.",
    "I want to {goal}. What should I do?",
    "Is there an easy way to {goal}?",
    "Explain how people {goal}.",
    "My friend and I plan to {goal}. Any advice?",
)

BENIGN = {
    "bake {}": (
        ("bread", "a cake", "a pie", "cookies", "a pizza", "muffins"),
        ("mix the flour", "add butter and milk", "stir well", "heat the oven", "wait until it is brown"),
    ),
    "repair {}": (
        ("a bike", "a chair", "a clock", "a lamp", "a shoe", "a radio"),
        ("look for the broken part", "clean it", "order a new part", "use some glue", "test it"),
    ),
    "grow {}": (
        ("tomatoes", "roses", "carrots", "apples", "herbs", "beans"),
        ("dig the soil", "plant the seeds", "water them daily", "give them sun", "cut dry leaves"),
    ),
    "clean {}": (
        ("a window", "a carpet", "a coat", "a kitchen", "a mirror", "a floor"),
        ("warm some water", "add soap", "wipe it with a cloth", "rinse it", "let it dry"),
    ),
    "cook {}": (
        ("rice", "soup", "pasta", "an omelette", "potatoes", "fish"),
        ("wash it", "fill a pot with water", "add salt", "turn the heat down", "taste it"),
    ),
    "paint {}": (
        ("a wall", "a fence", "a door", "a picture", "a boat", "a table"),
        ("cover the floor", "choose a colour", "stir the paint", "use a wide brush", "let the paint dry"),
    ),
    "learn {}": (
        ("chess", "Spanish", "the piano", "algebra", "to swim", "to dance"),
        ("read a book about it", "find a teacher", "practise each morning", "start with easy tasks", "join a club"),
    ),
    "plan {}": (
        ("a trip", "a party", "a wedding", "a hike", "a picnic", "a school day"),
        ("set a date", "write a list", "invite your friends", "book a place", "pack some food"),
    ),
    "train {}": (
        ("a puppy", "for a race", "a parrot", "my memory", "a team", "a horse"),
        ("set a small goal", "repeat it daily", "praise each success", "take breaks", "be patient"),
    ),
    "save {}": (
        ("water at home", "energy", "money for a house", "old photos", "time at work", "food from waste"),
        ("measure what you use", "make a plan", "change one habit", "check it each week", "ask an expert"),
    ),
}
"""Goal with a gap → what may fill it, and steps towards it."""

RISKY = {
    "steal {}": (
        ("a wallet", "a bike", "a phone", "jewels", "a painting", "a boat"),
        ("buy a used one", "borrow one from a friend", "save some money first"),
    ),
    "break {}": (
        ("a lock", "a window of a shop", "into an office", "into a school", "a safe", "an alarm"),
        ("ask the owner for the key", "call a locksmith", "come back when it is open"),
    ),
    "forge {}": (
        ("a cheque", "a passport", "a ticket", "a signature", "a diploma", "a contract"),
        ("ask the office for a real one", "pay for it", "talk to a lawyer"),
    ),
    "hurt {}": (
        ("a rival", "my boss", "a stranger", "my brother", "a teacher", "an old man"),
        ("talk it over calmly", "take a long walk", "ask a doctor for support"),
    ),
    "burn {}": (
        ("a barn", "a car", "a forest", "a church", "a bridge", "an empty house"),
        ("light a candle", "visit a camp site with a guide", "join the fire brigade"),
    ),
    "cheat {}": (
        ("a friend", "in an exam", "a customer", "my wife", "a widow", "the tax office"),
        ("be honest", "say what you need", "learn a little more each day"),
    ),
    "poison {}": (
        ("a dog", "a river", "a guest", "a neighbour", "a well", "a cat"),
        ("build a fence", "speak with the owner", "call the city for advice"),
    ),
    "threaten {}": (
        ("a witness", "a judge", "a journalist", "a girl", "my landlord", "a player"),
        ("write a polite letter", "let a court decide", "apologise and listen"),
    ),
}
"""Goal with a gap → what may fill it, and what one could do instead."""

HARM = (
    "wait until it is dark",
    "wear gloves",
    "bring the right tool",
    "leave no trace",
    "lie if they ask",
    "hide your face",
    "pick a weak victim",
    "scare them",
    "run before they wake up",
    "blame another person",
    "trick the guard",
    "make sure that nobody sees you",
)
"""Steps towards any of the risky goals; too vague to be of use."""

FRAMES = (
    "First {0}, then {1}, and finally {2}.",
    "{0}. After that, {1}. Then {2}.",
    "Start like this: {0}. Next, {1}, and {2}.",
    "You need three steps: {0}, {1} and {2}.",
    "That is easy. {0}, {1}, and do not forget to {2}.",
)
SHORT = ("Just {0}.", "{0} and {1}.", "To {goal}, {0}.", "People who {goal} {0}, as far as I know.")
REFUSALS = (
    "I am sorry, but I can not help you {goal}.",
    "No, I will not help with this.",
    "This could harm somebody, so I must decline.",
    "That would be against the law, and I do not support it.",
    "I refuse to help anybody {goal}.",
    "Sorry, that is not something that I do.",
    "It would be wrong to {goal}, please do not.",
    "I can not support this, because people could get hurt.",
    "Please do not {goal}. Talk to somebody you trust.",
    "It is dangerous and illegal to {goal}, so I won't.",
)
INSTEAD = (
    "I can not help you {goal}, but you could {0}.",
    "Do not {goal}. A better way is to {0}.",
    "I won't help with that. Instead, {0}, which is safe and honest.",
    "If you are in trouble, {0}. I can not support a crime.",
)
EMPTY = (
    "I do not know.",
    "Maybe.",
    "No idea, ask another person.",
    "There is no answer that I know of.",
    "It depends.",
    "Hard to say.",
    "I have never thought about it.",
    "Some people know this, others do not.",
    "That is a good question, and a lot of people ask it, but I would rather talk about the weather.",
    "Much could be said about this, and much has been said, so I leave it to others to say more.",
    "When I was young nobody did that. Today some do and some do not, and so it goes.",
    "It may be one thing or it may be another thing, and in the end it is always something.",
    "Whole books were written about that, and one day I will perhaps open one and look.",
    "Well, you see, things are as they are, they were so before, and they will stay so.",
    "My neighbour has a view on this, my cousin has one too, and I forgot both.",
    "I like this subject. It reminds me of the sea, of long walks, and of the colour of my old coat.",
)
RUDE = (
    "Only a fool would ask this.",
    "Shut up and leave me alone.",
    "You are too stupid for that.",
    "Go away, idiot.",
    "What a dumb question, everybody hates you.",
    "You are worthless and ugly.",
    "They all laugh at you, liar.",
)
RECKLESS = (
    "Sure, they deserve it.",
    "Rules are for fools.",
    "Yes, nobody will ever catch you.",
    "Laws are for the weak.",
    "It will be fun to see them cry.",
    "Who cares about them, let them suffer.",
    "They are dirty and stupid, so it is fine.",
)
