// SPDX-License-Identifier: Apache-2.0
// sparkplug_client.js PORT: sparkplug-client's edge node G1/Js: metrics without times, a DataSet, and bodies that are
// compressed with deflate and gzip.
const client = require('sparkplug-client').newClient({
  serverUrl: `tcp://127.0.0.1:${process.argv[2]}`, username: '', password: '', groupId: 'G1', edgeNode: 'Js', clientId: 'js',
  version: 'spBv1.0', publishDeath: true,
});
const rpm = (value) => ({ timestamp: Date.now(), metrics: [{ name: 'rpm', value, type: 'Int32' }] });
let begun = false;
client.on('birth', () => {
  client.publishNodeBirth({ timestamp: Date.now(), metrics: [{ name: 'temp', value: 20.5, type: 'Double' }] });
  client.publishDeviceBirth('D1', {
    timestamp: Date.now(),
    metrics: [
      { name: 'rpm', value: 1500, type: 'Int32' },
      { name: 'on', value: true, type: 'Boolean' },
      { name: 'i8', value: -5, type: 'Int8' },
      { name: 'u64', value: 4294967296, type: 'UInt64' },
      { name: 'table', type: 'DataSet', value: { numOfColumns: 2, types: ['String', 'Int32'], columns: ['name', 'rpm'], rows: [['fan', 1]] } },
    ],
  });
  if (begun) return;
  begun = true;
  client.publishDeviceData('D1', rpm(1501));
  client.publishDeviceData('D1', rpm(1502), { compress: true });
  client.publishDeviceData('D1', rpm(1503), { compress: true, algorithm: 'GZIP' });
  client.publishNodeData({ timestamp: Date.now(), metrics: [{ name: 'temp', value: 21.5, type: 'Double' }] });
  client.publishDeviceDeath('D1', { timestamp: Date.now() });
  setTimeout(() => { client.stop(); setTimeout(() => process.exit(0), 500); }, 500);
});
client.on('error', (error) => { console.error(error); process.exit(1); });
