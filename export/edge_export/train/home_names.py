"""Names of rooms, floors and devices, and free texts, to fill Home Assistant's templates with.

Names of our own: what people call things at home. ``/`` stands between two of them.
"""

from __future__ import annotations


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split("/"))


AREAS = _split(
    "Living Room/Kitchen/Bedroom/Bathroom/Dining Room/Hallway/Office/Garage/Guest Room/Outside/"
    "Entrance/Master Bedroom/Kids Room/Nursery/Laundry Room/Study/Den/Patio/Garden/Backyard/"
    "Front Yard/Porch/Balcony/Terrace/Pantry/Utility Room/Workshop/Shed/Gym/Home Theater/"
    "Game Room/Playroom/Library/Family Room/Lounge/Conservatory/Sunroom/Mudroom/Foyer/Stairs/"
    "Landing/Driveway/Pool/Guest Bathroom/Master Bathroom/Powder Room/Closet/Storage Room/"
    "Server Room/Music Room/Greenhouse/Deck/Breakfast Nook/Corridor/Spare Room/Toilet/"
    "Children's Room/Emma's Room/Home Office/Boiler Room/Wine Cellar/Carport"
)
FLOORS = _split(
    "Upstairs/Downstairs/Ground Floor/First Floor/Second Floor/Third Floor/Basement/Attic/"
    "Top Floor/Main Floor/Lower Level/Loft/Cellar/Mezzanine"
)
PEOPLE = _split(
    "Joseph/Ada/John/Anna/Maria/David/Emma/Liam/Sophie/Tom/Grandma/Grandpa/Mom/Dad/Alice/Ben/"
    "Sarah/Michael/Nina/Oliver/Paul/Lena/Max/Julia/Peter/Karen/Sam/Chloe"
)

DEVICES: dict[str, tuple[str, ...]] = {
    "light": _split(
        "Bedroom Lamp/Kitchen Countertop/Kitchen Ceiling/Kitchen Cabinets/Living Room Lamp/"
        "Garage Light/Play Corner/Overhead Light/Desk Lamp/Floor Lamp/Bedside Lamp/Night Light/"
        "Reading Light/Ceiling Light/Chandelier/Spotlights/LED Strip/Porch Light/Hallway Light/"
        "Vanity Light/Bathroom Mirror/String Lights/Christmas Tree/Fairy Lights/Pendant/"
        "Wall Sconce/Table Lamp/Lava Lamp/Aquarium Light/Closet Light/Stair Lights/Flood Light/"
        "Path Lights/Mood Light/Accent Light/Under Cabinet/Dining Table/Front Porch/Corner Lamp/"
        "Hue Go/Ring Light/Salt Lamp/Island Pendants/TV Backlight/Left Lamp/Right Lamp/Downlights"
    ),
    "switch": _split(
        "Bedroom Switch/Kitchen Switch/Coffee Maker/Coffee Machine/Kettle/Toaster/Space Heater/"
        "Humidifier/Dehumidifier/Washing Machine/Dryer/Dishwasher/Sprinkler/Fountain/Pool Pump/"
        "Water Heater/Electric Blanket/Rice Cooker/Router/Printer/Outlet/Smart Plug/Power Strip/"
        "Christmas Lights/Air Purifier/Irrigation/Heated Floor/Towel Rail/3D Printer/Charger/"
        "Computer/Monitor/Game Console/Slow Cooker/Oven/Server/Boiler/Sauna/Hot Tub/Doorbell"
    ),
    "input_boolean": _split(
        "Guest Mode/Vacation Mode/Night Mode/Away Mode/Alarm Clock/Motion Alerts/Eco Mode/"
        "Quiet Hours/Presence Simulation/Pet Mode"
    ),
    "fan": _split(
        "Ceiling Fan/Bathroom Fan/Desk Fan/Exhaust Fan/Tower Fan/Bedroom Fan/Attic Fan/Box Fan/"
        "Range Hood/Extractor Fan/Ventilation/Pedestal Fan"
    ),
    "media_player": _split(
        "TV/Living Room TV/Bedroom TV/Sonos/Sonos Speakers/Soundbar/Kitchen Speaker/Radio/Stereo/"
        "Chromecast/Apple TV/Roku/Fire Stick/Projector/Shield/Record Player/HomePod/Nest Mini/"
        "Echo Dot/Bathroom Speaker/Home Theater/Xbox/Plex/Receiver/Boombox/Garden Speakers"
    ),
    "cover": _split(
        "Curtain Left/Curtain Right/Shade Left/Bedroom Curtain/Sliding Door/Kitchen Blinds/"
        "Garage Door/Left Blind/Right Blind/Roller Shutter/Patio Awning/Skylight/Front Gate/"
        "Bedroom Shades/Office Blinds/Roman Shade/Driveway Gate/Balcony Shutter/Bay Window/"
        "Big Curtains/Sun Sail/Blackout Curtain/Venetian Blinds/Pergola/Bathroom Window"
    ),
    "valve": _split(
        "Main Valve/Water Valve/Garden Valve/Gas Valve/Irrigation Valve/Pool Valve/Heating Valve/"
        "Sprinkler Valve/Drain Valve/Radiator Valve/Hose Tap/Shower Valve"
    ),
    "lock": _split(
        "Front Door/Back Door/Side Door/Sliding Doors/Garage Entry/Patio Door/Basement Door/"
        "Shed Lock/Gate Lock/Main Entrance/Office Door/Wine Cabinet/Gun Safe/Car/Cellar Door/"
        "Balcony Door/Mailbox"
    ),
    "scene": _split(
        "Party Mode/Movie Night/Good Night/Good Morning/Romantic/Relax/Reading/Dinner/Bedtime/"
        "Bright/Sunset/Concentrate/Energize/Cozy/Cinema/Focus/Night Light/Date Night/Chill/Arctic/"
        "Work Time/Gaming/Spring Blossom/Nightlight/Breakfast/Candlelight"
    ),
    "script": _split(
        "Stealth Mode/Leaving Home/Wake Up/Welcome Home/Water Plants/Panic/Goodbye/Feed Cat/"
        "Bedtime Routine/Morning Routine/Kids Sleep/Restart Router/Lock Everything/Coffee Time"
    ),
    "climate": _split(
        "Thermostat/Office Thermostat/Living Room Thermostat/Bedroom Thermostat/Nest/Ecobee/"
        "Air Conditioner/AC/Heater/Radiator/Heat Pump/Floor Heating/Bathroom Radiator/Heating/"
        "Kitchen Radiator/Upstairs Thermostat/Air Conditioning/Furnace"
    ),
    "vacuum": _split(
        "Rover/Roomba/Roborock/Vacuum/Robot Vacuum/Dusty/Wall-E/Robbie/Vacuum Cleaner/Deebot/"
        "Sweeper/Rosie/Hoover/Mop/Mopbot/Alfred/Eufy/Dyson/Neato"
    ),
    "weather": _split(
        "London/Los Angeles/New York/Paris/Berlin/Amsterdam/Chicago/Boston/Seattle/Tokyo/Madrid/"
        "Rome/Home/Denver/San Francisco/Sydney/Toronto/Dublin/Vienna/Oslo/Austin/Miami/Munich"
    ),
    "todo": _split(
        "Trader Joes/Chores/Groceries/Costco/Errands/Work/Weekend/Packing/Homework/House Projects/"
        "Gift Ideas/Garden/Holiday/Hardware Store/Cleaning/Books/Bills/Birthday/Ikea/Pharmacy"
    ),
    "person": PEOPLE,
}

TEXTS: dict[str, tuple[str, ...]] = {
    "item": _split(
        "milk/eggs/bread/butter/two apples/bananas/oat milk/coffee beans/toilet paper/dish soap/"
        "chicken breast/paper towels/a bottle of wine/dog food/cat litter/olive oil/tomatoes/rice/"
        "orange juice/batteries/light bulbs/laundry detergent/cheddar cheese/yogurt/flour/sugar/"
        "ice cream/toothpaste/shampoo/pasta/onions/garlic/potatoes/carrots/diapers/six eggs"
    ),
    "todo_item": _split(
        "wash the car/call the dentist/clean the gutters/mow the lawn/pay the bills/milk/book/"
        "water the plants/take out the trash/buy a present for mom/renew passport/do the laundry/"
        "fix the fence/vacuum the stairs/return the library books/change the air filter/batteries/"
        "schedule a haircut/clean out the fridge/wash windows/organize the garage/send the package"
    ),
    "zone": _split("home/work/school/the office/the gym/university/grandma's house/daycare"),
    "timer": _split(
        "pizza/egg/tea/pasta/laundry/oven/homework/workout/nap/bread/rice/cookies/steak/potatoes/"
        "chicken/dishwasher/meditation/plank/eggs/cake/roast/coffee/turkey/soup/bath/screen time/"
        "dog walk/brownies/hair dye/meeting/lasagna/study/parking meter/break/dinner/lunch"
    ),
    "command": _split(
        "lock the front door/turn off the lights/turn on the coffee maker/open the garage door/"
        "turn off the tv/close the curtains/turn on the fan/play some jazz/turn off the oven/"
        "pause the music/start the vacuum/turn the heating down/open the blinds/lock the doors/"
        "turn on the bedroom lamp/switch off the heater/turn off the sprinkler/close the blinds/"
        "set the thermostat to 20 degrees/turn the porch light on/turn on the kettle/stop music/"
        "turn off the christmas tree/dim the living room lights/turn off everything/water plants"
    ),
    "message": _split(
        "dinner is ready/it's time for bed/we are leaving in ten minutes/the pizza is here/"
        "come downstairs please/lunch is on the table/i'm home/the bus is coming/happy birthday/"
        "somebody is at the door/please clean your rooms/movie starts in five minutes/good night/"
        "don't forget your lunch/breakfast is ready/the kids are asleep/time to go to school/"
        "the laundry is done/grandma is here/please be quiet/the taxi is waiting/i need some help"
    ),
    "query": _split(
        "queen/taylor swift/the beatles/bohemian rhapsody/the office/inception/breaking bad/serial/"
        "my favorites/pink floyd/miles davis/dark side of the moon/abbey road/jazz for dinner/"
        "lo-fi beats/hotel california/adele/the daily/this american life/stranger things/frozen/"
        "the matrix/star wars/radiohead/ok computer/daft punk/get lucky/coldplay/yellow/mozart/"
        "the four seasons/workout mix/chill vibes/summer hits/beyonce/lemonade/drake/bob marley/"
        "no woman no cry/nirvana/smells like teen spirit/thriller/michael jackson/hamilton/abba/"
        "dancing queen/99 percent invisible/rain sounds/classic rock/ed sheeran/shape of you/"
        "johnny cash/ring of fire/the godfather/friends/planet earth/kind of blue/bach/hey jude"
    ),
}
