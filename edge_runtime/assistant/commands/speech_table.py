"""What is said to a command: sentences per intent, the fullest first.

The device does not act itself, so a sentence says what is asked for, not what was done. Fields are
slots, and for home commands ``what`` (a device, or the lights), ``where``, ``when`` (a time),
``on_device``, ``of_device``, ``called`` (a name as it is written), ``timer`` (which one) and
``verb``; a sentence is said only where all its fields are known.
"""

from __future__ import annotations

HOME: dict[str, tuple[str, ...]] = {
    "HassTurnOn": ("{verb} {what}{where}.",),
    "HassTurnOff": ("{verb} {what}{where}.",),
    "HassLightSet": (
        "Setting {what}{where} to {color} at {brightness} percent.",
        "Setting {what}{where} to {brightness} percent.",
        "Setting {what}{where} to {color}.",
    ),
    "HassSetPosition": ("Setting {what}{where} to {position} percent.",),
    "HassClimateSetTemperature": ("Setting the temperature{of_device}{where} to {temperature}.",),
    "HassClimateGetTemperature": ("Checking the temperature{of_device}{where}.",),
    "HassGetState": ("Checking {what}{where}.",),
    "HassGetWeather": ("Checking the weather in {called}.", "Checking the weather."),
    "HassGetCurrentTime": ("Checking the time.",),
    "HassGetCurrentDate": ("Checking the date.",),
    "HassStartTimer": (
        "In {when}: {conversation_command}.",
        "Setting a timer named {name} for {when}.",
        "Setting a timer for {when}.",
    ),
    "HassIncreaseTimer": ("Adding {when} to {timer}.",),
    "HassDecreaseTimer": ("Taking {when} off {timer}.",),
    "HassPauseTimer": ("Pausing {timer}.",),
    "HassUnpauseTimer": ("Resuming {timer}.",),
    "HassCancelTimer": ("Cancelling {timer}.",),
    "HassCancelAllTimers": ("Cancelling all timers{where}.",),
    "HassTimerStatus": ("Checking {timer}.",),
    "HassSetVolume": ("Setting the volume{of_device}{where} to {volume_level} percent.",),
    "HassMediaNext": ("Skipping to the next one{on_device}{where}.",),
    "HassMediaPrevious": ("Going back to the previous one{on_device}{where}.",),
    "HassMediaPause": ("Pausing{on_device}{where}.",),
    "HassMediaUnpause": ("Resuming{on_device}{where}.",),
    "HassMediaSearchAndPlay": ("Playing {search_query}{on_device}{where}.",),
    "HassVacuumStart": ("Starting {called}{where}.", "Starting to clean{where}."),
    "HassVacuumReturnToBase": ("Sending {called} back to its base.",),
    "HassShoppingListAddItem": ("Adding {item} to the shopping list.",),
    "HassShoppingListCompleteItem": ("Checking {item} off the shopping list.",),
    "HassListAddItem": ("Adding {item} to the list {called}.",),
    "HassListCompleteItem": ("Checking {item} off the list {called}.",),
    "HassBroadcast": ("Announcing: {message}.",),
    "HassNevermind": ("All right.",),
    "HassRespond": ("I am here to help.",),
}

VERBS: dict[str, tuple[str, str]] = {  # kind of device: to turn it on, and off
    "": ("Turning on", "Turning off"),
    "cover": ("Opening", "Closing"),
    "valve": ("Opening", "Closing"),
    "lock": ("Locking", "Unlocking"),
    "scene": ("Activating", "Ending"),
    "script": ("Starting", "Stopping"),
}
KINDS_BY_VERB: dict[str, str] = {  # where only a name is known, the verb tells the kind
    "open": "cover", "raise": "cover", "lift": "cover", "close": "cover", "shut": "cover",
    "lower": "cover", "lock": "lock", "unlock": "lock",
}  # fmt: skip

ASSISTANT: dict[str, tuple[str, ...]] = {
    "alarm_query": ("Checking your alarms.",),
    "alarm_remove": (
        "Removing the alarm at {time}.", "Removing the alarm for {date}.", "Removing the alarm.",
    ),
    "alarm_set": (
        "Setting an alarm for {date} at {time}.", "Setting an alarm for {time}.",
        "Setting an alarm for {date}.", "Setting an alarm.",
    ),
    "audio_volume_down": ("Turning the volume down.",),
    "audio_volume_mute": ("Muting the sound.",),
    "audio_volume_up": ("Turning the volume up.",),
    "calendar_query": ("Checking your calendar for {date}.", "Checking your calendar."),
    "calendar_remove": (
        "Removing {event_name} from your calendar.", "Removing it from your calendar.",
    ),
    "calendar_set": (
        "Putting {event_name} in your calendar for {date}.",
        "Putting {event_name} in your calendar.", "Putting it in your calendar.",
    ),
    "cooking_recipe": ("Looking for a recipe for {food_type}.", "Looking for a recipe."),
    "datetime_convert": ("Converting the time.",),
    "datetime_query": ("Checking the time in {place_name}.", "Checking the date and time."),
    "email_addcontact": ("Adding the contact.",),
    "email_query": ("Checking your mail.",),
    "email_querycontact": ("Looking up {person}.", "Looking up the contact."),
    "email_sendemail": ("Writing a mail to {person}.", "Writing a mail."),
    "iot_cleaning": ("Starting the vacuum cleaner.",),
    "iot_coffee": ("Making coffee.",),
    "iot_hue_lightchange": (
        "Changing the lights in the {house_place} to {color_type}.",
        "Changing the lights to {color_type}.", "Changing the lights.",
    ),
    "iot_hue_lightdim": ("Dimming the lights in the {house_place}.", "Dimming the lights."),
    "iot_hue_lightoff": ("Turning off the lights in the {house_place}.", "Turning off the lights."),
    "iot_hue_lighton": ("Turning on the lights in the {house_place}.", "Turning on the lights."),
    "iot_hue_lightup": ("Brightening the lights in the {house_place}.", "Brightening the lights."),
    "iot_wemo_off": ("Turning off the {device_type}.", "Turning off the plug."),
    "iot_wemo_on": ("Turning on the {device_type}.", "Turning on the plug."),
    "lists_createoradd": ("Adding to the {list_name} list.", "Adding to the list."),
    "lists_query": ("Checking the {list_name} list.", "Checking your lists."),
    "lists_remove": ("Removing from the {list_name} list.", "Removing from the list."),
    "music_likeness": ("Noting what you like.",),
    "music_query": ("Checking what is playing.",),
    "music_settings": ("Setting {player_setting}.", "Changing how music plays."),
    "news_query": ("Looking for news about {news_topic}.", "Looking for the news."),
    "play_audiobook": ("Playing {audiobook_name}.", "Playing your audiobook."),
    "play_game": ("Starting {game_name}.", "Starting a game."),
    "play_music": (
        "Playing {song_name} by {artist_name}.", "Playing {song_name}.", "Playing {artist_name}.",
        "Playing {playlist_name}.", "Playing {music_genre}.", "Playing music.",
    ),
    "play_podcasts": ("Playing {podcast_name}.", "Playing a podcast."),
    "play_radio": ("Playing {radio_name}.", "Playing the radio."),
    "recommendation_events": ("Looking for events in {place_name}.", "Looking for events."),
    "recommendation_locations": ("Looking for a {business_type}.", "Looking for places near you."),
    "recommendation_movies": ("Looking for movies.",),
    "social_post": ("Preparing your post.",),
    "social_query": ("Checking your social media.",),
    "takeaway_order": (
        "Preparing an order of {food_type} from {business_name}.",
        "Preparing an order of {food_type}.", "Preparing a takeaway order.",
    ),
    "takeaway_query": ("Checking takeaway at {business_name}.", "Checking takeaway."),
    "transport_query": ("Looking up how to get to {place_name}.", "Looking up the connection."),
    "transport_taxi": ("Looking for a taxi to {place_name}.", "Looking for a taxi."),
    "transport_ticket": (
        "Looking for a {transport_type} ticket to {place_name}.",
        "Looking for a ticket to {place_name}.", "Looking for a ticket.",
    ),
    "transport_traffic": ("Checking the traffic in {place_name}.", "Checking the traffic."),
    "weather_query": (
        "Checking the weather in {place_name} for {date}.", "Checking the weather in {place_name}.",
        "Checking the weather for {date}.", "Checking the weather.",
    ),
}  # fmt: skip
