"""English: the words of every sentence. A second language is a second table like this one."""

from __future__ import annotations

from service.words.phrases import Listing, Phrases, Plural

ENGLISH = Phrases(
    language="en",
    plural=lambda n: "one" if n == 1 else "other",
    decimal=".",
    # names
    both=Listing(two="{a} and {b}", comma="{a}, {b}", last="{a} and {b}"),
    either=Listing(two="{a} or {b}", comma="{a}, {b}", last="{a} or {b}"),
    clauses=Listing(two="{a}, and {b}", comma="{a}, {b}", last="{a}, and {b}"),
    then="{first}; {second}",
    stop="{sentence}.",
    next="{first} {second}",
    others="{named} and others",
    item_without_title="item {id}",
    shortened="{title}…",
    value="{value}",
    value_of_number="items with {attribute} {value}",
    value_of_decade="the {value}",
    attribute_alone="{attribute}",
    perhaps="what may be {meaning}",
    usually="usually goes with {meaning}",
    maybe="may go with {meaning}",
    # where somebody lies
    leaning="{meaning} (factor {factor}, top {share} % of users)",
    moved="{meaning} (factor {factor}, by {sd} sd)",
    leans="you lean to {leanings}",
    leans_slightly="you lean slightly to {leanings}",
    steered="your steering moves you to {moves}",
    steered_undecoded="your steering moves you along factor {factor} (by {sd} sd), which is not decoded",
    steered_elsewhere="your steering moves you along factor {factor} (by {sd} sd), "
    "which {tie}, though that does not fit this item",
    steered_further="your steering moves you further to {moves}",
    even_steered="even with your steering {clause}",
    lies="you lie where users do who lean to {leanings}, though that fits none of your items",
    top_undecoded="you are among the top {share} % of users in factor {factor}, which is not decoded",
    bottom_undecoded="you are among the bottom {share} % of users in factor {factor}, which is not decoded",
    top_elsewhere="you are among the top {share} % of users in factor {factor}, "
    "which {tie}, though that does not fit this item",
    bottom_elsewhere="you are among the bottom {share} % of users in factor {factor}, "
    "which {tie}, though that does not fit this item",
    as_asked="with that {clause}",
    # the reasons of a score
    mostly="mostly because {reason}",
    partly="partly because {reason}",
    weakly="weakly because {reason}",
    straight_from="your history points straight to it, {titles} most of all",
    straight_evenly="your history points straight to it, though no item of it stands out",
    steering="your steering moves you towards it",
    common="the model raises it for most users, most of all by factor {factor}",
    spread="the rest is spread over many factors or items",
    unsupported="though nothing known of you raises its score",
    count_most=Plural(
        one="of your history, {titles} counts most for it", other="of your history, {titles} count most for it"
    ),
    count_a_little=Plural(
        one="of your history, {titles} counts a little for it", other="of your history, {titles} count a little for it"
    ),
    none_stands_out="no item of your history stands out",
    recommended="recommended {reasons}",
    recommended_weakly="no one reason stands out: recommended {reasons}",
    popular="because it is popular: nothing is known of you yet",
    # what was asked for, before the other reasons
    asked_most="first of all because you asked for {values}, then {reasons}",
    asked="because you asked for {values}, and {reasons}",
    asked_alone="because you asked for {values}",
    asked_in_factors="as you asked for {values}, {reasons}",
    asked_only="as you asked for {values} only, {reasons}",
    asked_other="though you asked for {values}, {reasons}",
    # of one item that is asked about
    ranked="ranked {rank}, {reasons}",
    ranked_weakly="ranked {rank}; no one reason stands out: it is there {reasons}",
    ranked_below="ranked {rank}, below the end of the list; it scores as it does {reasons}",
    seen="already in your history; it scores as it does {reasons}",
    left_out="not listed, as the request leaves it out; it scores as it does {reasons}",
    not_as_asked="not listed, as it is not what you asked for; it scores as it does {reasons}",
    against="more speaks against it, most of all that {reason}",
    away="your history points away from it",
    lowered="the model lowers it for most users",
    without_that="without that one {then}",
    without_those_two="without those two {then}",
    without="without {titles} {then}",
    without_some_offered="without {titles}, of which {offered} would then be listed instead, {then}",
    without_all_offered=Plural(
        one="without {titles}, which would then be listed instead, {then}",
        other="without {titles}, all of which would then be listed instead, {then}",
    ),
    leaves="it would leave the list",
    replaced="it would be replaced by {title}",
    # a profile
    profile="most of all {clause}",
    profile_shown=Plural(one="most of all {clause}, as {titles} shows", other="most of all {clause}, as {titles} show"),
    profile_also="also, {clauses}",
    profile_undecoded=Plural(
        one="{n} factor is not decoded where you lie.", other="{n} factors are not decoded where you lie."
    ),
    profile_nothing=Plural(
        one="the {n} factor of this model is not decoded where you lie, so it cannot be named",
        other="none of the {n} factors is decoded where you lie, so none can be named",
    ),
)
