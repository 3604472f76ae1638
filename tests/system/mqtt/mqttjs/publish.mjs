// SPDX-License-Identifier: Apache-2.0
// publish.mjs PORT VERSION QOS USER CLIENT_ID TOPIC PREFIX COUNT; the secret in MQTT_SECRET.
// Publishes PREFIX-1 .. PREFIX-COUNT by MQTT.js as it comes, reconnecting by itself; prints
// the command it gets. Exit code 0 when every message was acknowledged.
import mqtt from 'mqtt'

const [port, version, qos, username, clientId, topic, prefix, count] = process.argv.slice(2)
const options = {
  host: '127.0.0.1', port: Number(port), protocolVersion: Number(version), username, clientId,
  password: process.env.MQTT_SECRET, reconnectPeriod: 100, connectTimeout: 5000, clean: false,
}
if (version === '5') options.properties = { sessionExpiryInterval: 3600 }
const client = mqtt.connect(options)
client.on('error', (error) => console.error(`error: ${error.message}`))
client.on('message', (name, payload) => console.log(`${name} ${payload}`))
let acknowledged = 0

function publish(number) {
  client.publish(topic, `${prefix}-${number}`, { qos: Number(qos) }, (error) => {
    if (error && error.message === 'Connection closed') {
      // It was in no store: what MQTT.js hands back, an application sends again; not within
      // this callback, which runs in a loop over what there is to hand back.
      setImmediate(publish, number)
      return
    }
    if (error) {
      console.error(`publish: ${error.message}`)
      process.exit(2)
    }
    acknowledged += 1
    if (acknowledged === Number(count)) client.end(false, {}, () => process.exit(0))
  })
}

client.once('connect', () => {
  client.subscribe(`gangway/${username}/command`, { qos: 0 }, (error, granted) => {
    if (error || granted.some((each) => each.qos > 2)) process.exit(3)
    let number = 0
    const timer = setInterval(() => {
      for (let i = 0; i < 10 && number < Number(count); i += 1) publish(number += 1)
      if (number === Number(count)) clearInterval(timer)
    }, 5)
  })
})
setTimeout(() => process.exit(4), 60000)
