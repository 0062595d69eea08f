"""English sentences of reviews by sentiment (openings, reasons, endings) and of comments, written for this shop."""

REVIEWS = {
    "good": (
        (
            "I love this {kind}.", "Very happy with the {model}.", "What a great buy!", "Exactly what I hoped for.",
            "My best purchase from {brand} so far.", "Wonderful, I wear it all the time.",
            "Could not be more pleased.", "Beautiful in {colour}.", "Excellent quality for the price.",
            "A delight from the first day.", "Perfect, nothing to complain about.", "So glad I ordered it.",
        ),
        (
            "The {material} feels lovely and looks expensive.", "It fits perfectly and is comfortable all day.",
            "The {colour} is even nicer than in the pictures.", "Sturdy, light and well made.",
            "The {detail} is a great idea.", "I walked for {days} days on holiday and had no trouble at all.",
            "Friends keep asking where I got it.", "Delivery took only {days} days and the parcel was neat.",
            "After {days} weeks it still looks new.", "The size was spot on.",
            "The stitching is clean and nothing came loose.", "It goes with everything I own.",
        ),
        (
            "Highly recommended.", "I will buy it again.", "Already ordered a second colour.", "Five stars from me.",
            "Thank you, {brand}!", "Worth every penny.", "A clear yes.", "My sister now wants one too.",
        ),
    ),
    "neutral": (
        (
            "It is okay.", "An average {kind}.", "Neither good nor bad.", "Does what it should, no more.",
            "The {model} is fine for the moment.", "Mixed feelings about this one.", "Acceptable.",
            "Not sure yet what to think of it.", "Roughly as described.", "A usual {kind} from {brand}.",
            "Decent, with small flaws.", "I had expected a bit more, but it will do.",
        ),
        (
            "The {material} is all right, the {detail} less so.", "It fits, though a little wide.",
            "The {colour} differs slightly from the picture.", "Comfortable at first, less so after some hours.",
            "Delivery took {days} days, which is neither fast nor slow.", "Quality matches the price.",
            "I have worn it {days} times and have no strong opinion.", "Looks nice but creases quickly.",
            "The size is between two of mine.", "Good in dry weather, so-so in the rain.",
            "One seam was a bit uneven, otherwise fine.", "It is neither light nor heavy.",
        ),
        (
            "I am keeping it for now.", "Three stars.", "Maybe I would look around first next time.",
            "Fine for every day.", "Let us see how long it lasts.", "You get what you pay for.",
            "Neither a tip nor a warning.", "It will do for {days} months or so.",
        ),
    ),
    "bad": (
        (
            "Very disappointed with this {kind}.", "Do not buy the {model}.", "A waste of money.",
            "Sadly I had to send it back.", "Poor quality.", "I regret this order.",
            "Not at all what was promised.", "Terrible, my worst purchase from {brand}.", "It broke after {days} days.",
            "Unwearable.", "I am annoyed.", "Nothing like the pictures.",
        ),
        (
            "The {material} feels cheap and smells.", "It is far too tight and hurts after minutes.",
            "The {colour} faded in the first wash.", "A seam came open after {days} days.",
            "The {detail} fell apart at once.", "It arrived {days} days late and dirty.",
            "The size is completely wrong.", "Threads hang out everywhere.",
            "Customer service did not answer for {days} days.", "I got blisters within an hour.",
            "The parcel was torn and a part was missing.", "It lost its shape almost at once.",
        ),
        (
            "Never again.", "I want my money back.", "One star is too many.", "Stay away from it.",
            "I am sending it back.", "{brand} should be ashamed.", "Not recommended.", "Save your money.",
        ),
    ),
}  # fmt: skip
COMMENTS = (
    "Does the {kind} run small?", "Is the {model} also coming in another colour?", "How warm is the {material}?",
    "Would you wear {colour} to a wedding?", "When will more sizes be back?", "Is the {detail} visible from outside?",
    "Thinking about the {model} for my holiday.", "Has anyone washed it yet?", "Which size for a broad foot or hip?",
    "Saw this {kind} in a magazine.", "Nice shape, the {colour} is not mine.", "Is the {material} from Europe?",
    "Is there a {brand} store where I can try it on?", "Does it squeak or rustle?", "How long does delivery take?",
    "My mother has the same {kind} from {brand}.", "Could this be a present for a teenager?",
    "How does the {model} compare with last year's?", "Is it vegan?", "Waiting for the sale, then I will see.",
)  # fmt: skip
