// SPDX-License-Identifier: Apache-2.0
// Host PORT ID: Eclipse Tahu's host application as a primary host; prints a line an event until its input ends.
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.tahu.host.HostApplication;
import org.eclipse.tahu.host.api.MultiHostApplicationEventHandler;
import org.eclipse.tahu.message.SparkplugBPayloadDecoder;
import org.eclipse.tahu.message.model.Metric;
import org.eclipse.tahu.model.MqttServerDefinition;
import org.eclipse.tahu.mqtt.MqttClientId;
import org.eclipse.tahu.mqtt.MqttServerName;
import org.eclipse.tahu.mqtt.MqttServerUrl;
import org.eclipse.tahu.mqtt.RandomStartupDelay;

public final class Host {
  private Host() {}

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  private static Object event(String name, Object[] of) {
    switch (name) {
      case "onConnect": say("connected"); break;
      case "onBirthMetric": say("birth " + of[1] + " " + Text.of((Metric) of[2])); break;
      case "onDataMetric": say("data " + of[1] + " " + Text.of((Metric) of[2])); break;
      case "onNodeDeathComplete":
      case "onDeviceDeathComplete": say("death " + of[1]); break;
      case "onNodeBirthComplete":
      case "onDeviceBirthComplete": say("born " + of[1]); break;
      default: break;
    }
    return null;
  }

  public static void main(String[] args) throws Exception {
    System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8));
    var handler = (MultiHostApplicationEventHandler) Proxy.newProxyInstance(
        Host.class.getClassLoader(), new Class<?>[] {MultiHostApplicationEventHandler.class},
        (proxy, method, of) -> method.getDeclaringClass() == Object.class ? (Object) 0 : event(method.getName(), of));
    var server = new MqttServerDefinition(new MqttServerName("broker"), new MqttClientId("tahu-host", false),
                                          new MqttServerUrl("tcp://127.0.0.1:" + args[0]), null, null, 30, null);
    var host = new HostApplication(handler, args[1], new ArrayList<>(List.of("spBv1.0/#")), new ArrayList<>(List.of(server)),
                                   new RandomStartupDelay("0-0"), new SparkplugBPayloadDecoder(), false);
    // Before start(), or it takes its own STATE for another host's, corrects it to offline and blocks for 30 seconds.
    host.setOnlineState(true);
    host.start(true);
    while (System.in.read() >= 0) {
    }
    Runtime.getRuntime().halt(0);
  }
}
