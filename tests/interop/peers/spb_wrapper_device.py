# SPDX-License-Identifier: Apache-2.0
"""spb_wrapper_device.py PORT: mqtt-spb-wrapper's device G1/Wrap/D1, which is born without an NBIRTH of its node."""
import sys
import time

import mqtt_spb_wrapper

device = mqtt_spb_wrapper.MqttSpbEntityDevice("G1", "Wrap", "D1")
device.data.set_value("rpm", 1500)
device.data.set_value("state", "RUN")
device.attributes.set_value("vendor", "acme")
device.connect("127.0.0.1", int(sys.argv[1]), timeout=5)
time.sleep(0.3)
device.publish_birth()
for rpm in (1501, 1502, 1503):
    device.data.set_value("rpm", rpm)
    device.publish_data()
    time.sleep(0.1)
device.disconnect()
time.sleep(0.3)
