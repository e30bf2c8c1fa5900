# SPDX-License-Identifier: Apache-2.0
# run_to_failure.py ASSETS DAYS LINES SEED: a plan of a plant whose bearings fail, in the working directory: plant.conf, the
# options of plant-sim, and labels.csv. Six of ten pumps run to failure: damage grows over two to seven days, and its end is the
# failure. Links of whole lines are down for up to a day and a half, and send later what they missed. A label is a pump at a time,
# and whether it fails within two days; there is one every twelve hours, at any minute, until the failure.
import random
import sys
from datetime import datetime, timedelta, timezone

HORIZON = timedelta(days=2)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def minutes(hours):
    return f"{round(60 * hours)}m"


def text(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def main():
    assets, days, lines, seed = (int(argument) for argument in sys.argv[1:])
    chance = random.Random(seed)
    faults, labels = [], []
    for number in range(1, assets + 1):
        line = 1 + (number - 1) // -(-assets // lines)
        failure = None
        if chance.random() < 0.6:
            grows = chance.uniform(2, 7)
            begin = chance.uniform(0, 0.95 * days - grows)
            failure = START + timedelta(days=begin + grows)
            height = chance.uniform(2, 10)
            faults.append(f"bearing:plant-1/line-{line}/pump-{number:04}/vibration-de:{minutes(begin * 24)}:{minutes(grows * 24)}:outer@{height:.1f}")
        elif chance.random() < 0.5:  # a thermometer that creeps means nothing
            begin = chance.uniform(0, 0.8) * days
            faults.append(f"drift:plant-1/line-{line}/pump-{number:04}/temp-bearing:{minutes(begin * 24)}:{minutes(3.6 * days)}:{chance.uniform(0.01, 0.1):.3f}")
        time = START + timedelta(days=2)
        while time < START + timedelta(days=days):
            at = time + timedelta(minutes=chance.randrange(720))
            if failure and at >= failure:
                break
            labels.append((at, f"plant-1.line-{line}.pump-{number:04}", int(failure is not None and failure - at <= HORIZON)))
            time += timedelta(hours=12)
    for line in range(1, lines + 1):
        begin = 0.0
        while True:
            begin += chance.uniform(0.03, 0.2) * days * 24
            length = chance.uniform(4, 36)
            if begin + length > 0.97 * days * 24:
                break
            faults.append(f"outage:plant-1/line-{line}:{minutes(begin)}:{minutes(length)}:historical")
            begin += length
    with open("plant.conf", "w") as file:
        file.write(f'assets = {assets}\nlines = {lines}\nduration = "{days * 24}h"\nseed = {seed}\n')
        file.write("fault = [" + ",\n".join(f'"{fault}"' for fault in faults) + "]\n")
    with open("labels.csv", "w") as file:
        file.write("entity,time,failed\n")
        for at, entity, failed in sorted(labels):
            file.write(f"{entity},{text(at)},{failed}\n")


main()
