// SPDX-License-Identifier: Apache-2.0
// Edge PORT HOST|-: Eclipse Tahu's edge node G1/Tahu with a device "every" that has a metric of every datatype, and a device
// "motor". Prints what it publishes. Its input are commands, one a line: data, alias (data by alias alone), death (of the
// device motor), leave (NDEATH and DISCONNECT), die (no word; the broker publishes the will).
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.tahu.edge.EdgeClient;
import org.eclipse.tahu.edge.api.MetricHandler;
import org.eclipse.tahu.message.SparkplugBPayloadEncoder;
import org.eclipse.tahu.message.model.*;
import org.eclipse.tahu.message.model.DataSet.DataSetBuilder;
import org.eclipse.tahu.message.model.Metric.MetricBuilder;
import org.eclipse.tahu.message.model.Row.RowBuilder;
import org.eclipse.tahu.message.model.SparkplugBPayload.SparkplugBPayloadBuilder;
import org.eclipse.tahu.message.model.SparkplugBPayloadMap.SparkplugBPayloadMapBuilder;
import org.eclipse.tahu.message.model.Template.TemplateBuilder;
import org.eclipse.tahu.model.MqttServerDefinition;
import org.eclipse.tahu.mqtt.*;

public final class Edge implements MetricHandler, ClientCallback {
  private static final String GROUP = "G1", NODE = "Tahu", EVERY = "every", MOTOR = "motor";
  private static final long START = 1700000000000L;
  private final EdgeClient client;
  private long bdSeq = 0;
  private long clock = START;
  private volatile boolean born = false;

  private Edge(String port, String host) throws Exception {
    var server = new MqttServerDefinition(new MqttServerName("broker"), new MqttClientId("tahu-edge", false),
                                          new MqttServerUrl("tcp://127.0.0.1:" + port), null, null, 30, null);
    client = new EdgeClient(this, new EdgeNodeDescriptor(GROUP, NODE), new ArrayList<>(List.of(EVERY, MOTOR)),
                            host.equals("-") ? null : host, false, 1000L, new ArrayList<>(List.of(server)), this, new RandomStartupDelay("0-0"));
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  // ---- values: two of each type

  private static Map<MetricDataType, Object[]> everything() throws Exception {
    Map<MetricDataType, Object[]> all = new LinkedHashMap<>();
    all.put(MetricDataType.Int8, new Object[] {(byte) -128, (byte) 127});
    all.put(MetricDataType.Int16, new Object[] {(short) -32768, (short) 32767});
    all.put(MetricDataType.Int32, new Object[] {Integer.MIN_VALUE, Integer.MAX_VALUE});
    all.put(MetricDataType.Int64, new Object[] {Long.MIN_VALUE, Long.MAX_VALUE});
    all.put(MetricDataType.UInt8, new Object[] {(short) 0, (short) 255});
    all.put(MetricDataType.UInt16, new Object[] {0, 65535});
    all.put(MetricDataType.UInt32, new Object[] {0L, 4294967295L});
    all.put(MetricDataType.UInt64, new Object[] {BigInteger.ZERO, new BigInteger("18446744073709551615")});
    all.put(MetricDataType.Float, new Object[] {1.5f, -0.1f});
    all.put(MetricDataType.Double, new Object[] {0.1, -1e300});
    all.put(MetricDataType.Boolean, new Object[] {true, false});
    all.put(MetricDataType.String, new Object[] {"RUN", "Stillstand – kälte"});
    all.put(MetricDataType.DateTime, new Object[] {new Date(START), new Date(START + 1)});
    all.put(MetricDataType.Text, new Object[] {"a text", ""});
    all.put(MetricDataType.UUID, new Object[] {"123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"});
    all.put(MetricDataType.DataSet, new Object[] {dataSet(1500), dataSet(-1)});
    all.put(MetricDataType.Bytes, new Object[] {new byte[] {0, 1, (byte) 254, (byte) 255}, new byte[] {7}});
    all.put(MetricDataType.File, new Object[] {new File("a.pdf", new byte[] {37, 80, 68, 70}), new File("b", new byte[] {0})});
    all.put(MetricDataType.Template, new Object[] {template(1500), template(1501)});
    all.put(MetricDataType.Int8Array, new Object[] {new Byte[] {-128, 0, 127}, new Byte[] {-1}});
    all.put(MetricDataType.Int16Array, new Object[] {new Short[] {-32768, 32767}, new Short[] {-1}});
    all.put(MetricDataType.Int32Array, new Object[] {new Integer[] {Integer.MIN_VALUE, Integer.MAX_VALUE}, new Integer[] {-1}});
    all.put(MetricDataType.Int64Array, new Object[] {new Long[] {Long.MIN_VALUE, Long.MAX_VALUE}, new Long[] {-1L}});
    all.put(MetricDataType.UInt8Array, new Object[] {new Short[] {0, 100}, new Short[] {1}});
    all.put(MetricDataType.UInt16Array, new Object[] {new Integer[] {0, 65535}, new Integer[] {1}});
    all.put(MetricDataType.UInt32Array, new Object[] {new Long[] {0L, 4294967295L}, new Long[] {1L}});
    all.put(MetricDataType.UInt64Array, new Object[] {new BigInteger[] {BigInteger.ZERO, BigInteger.TEN}, new BigInteger[] {BigInteger.ONE}});
    all.put(MetricDataType.FloatArray, new Object[] {new Float[] {1.5f, -0.25f}, new Float[] {3f}});
    all.put(MetricDataType.DoubleArray, new Object[] {new Double[] {0.1, -1e300}, new Double[] {2.0}});
    all.put(MetricDataType.BooleanArray,
            new Object[] {new Boolean[] {true, false, true, true, false, false, false, false, false, true}, new Boolean[] {true}});
    all.put(MetricDataType.StringArray, new Object[] {new String[] {"one", "two"}, new String[] {"three"}});
    all.put(MetricDataType.DateTimeArray, new Object[] {new Date[] {new Date(START), new Date(0)}, new Date[] {new Date(1)}});
    return all;
  }

  private static DataSet dataSet(int rpm) throws Exception {
    return new DataSetBuilder(2).addColumnName("name").addColumnName("rpm").addType(DataSetDataType.String).addType(DataSetDataType.Int32)
        .addRow(new RowBuilder().addValue(new Value<>(DataSetDataType.String, "fan")).addValue(new Value<>(DataSetDataType.Int32, rpm)).createRow())
        .createDataSet();
  }

  private static Template template(int rpm) throws Exception {
    return new TemplateBuilder().templateRef("motor").definition(false).addParameter(new Parameter("poles", ParameterDataType.Int32, 4))
        .addMetric(new MetricBuilder("rpm", MetricDataType.Int32, rpm).createMetric()).createTemplate();
  }

  private Metric metric(String name, MetricDataType type, Object value, long alias) throws Exception {
    return new MetricBuilder(name, type, value).alias(alias).timestamp(new Date(++clock)).createMetric();
  }

  private List<Metric> every(int which) throws Exception {
    List<Metric> metrics = new ArrayList<>();
    long alias = 100;
    for (var entry : everything().entrySet()) metrics.add(metric(entry.getKey().toString(), entry.getKey(), entry.getValue()[which], ++alias));
    return metrics;
  }

  private static SparkplugBPayload payload(List<Metric> metrics) {
    return new SparkplugBPayloadBuilder().setTimestamp(new Date()).addMetrics(metrics).createPayload();
  }

  private void tell(String where, List<Metric> metrics) {
    for (Metric each : metrics) say("value " + GROUP + "/" + NODE + where + " " + Text.of(each));
  }

  // ---- what Tahu asks for

  public Topic getDeathTopic() { return new Topic("spBv1.0", GROUP, NODE, MessageType.NDEATH); }

  public byte[] getDeathPayloadBytes() throws Exception {
    return new SparkplugBPayloadEncoder().getBytes(
        new SparkplugBPayloadBuilder().setTimestamp(new Date()).addMetric(new MetricBuilder("bdSeq", MetricDataType.Int64, bdSeq).createMetric()).createPayload(),
        false);
  }

  public boolean hasMetric(SparkplugDescriptor of, String name) { return true; }

  public synchronized void publishBirthSequence() {
    try {
      List<Metric> node = List.of(metric("temp", MetricDataType.Double, 21.5, 1));
      client.publishNodeBirth(new SparkplugBPayloadMapBuilder().setTimestamp(new Date()).addMetric(new MetricBuilder("bdSeq", MetricDataType.Int64, bdSeq).createMetric())
          .addMetric(new MetricBuilder("Node Control/Rebirth", MetricDataType.Boolean, false).createMetric()).addMetrics(node).createPayload());
      tell("", node);
      List<Metric> all = every(0);
      client.publishDeviceBirth(EVERY, payload(all));
      tell("/" + EVERY, all);
      PropertySet properties = new PropertySet();
      properties.setProperty("engUnit", new PropertyValue<>(PropertyDataType.String, "rpm"));
      properties.setProperty("engHigh", new PropertyValue<>(PropertyDataType.Double, 3000.0));
      List<Metric> motor = List.of(new MetricBuilder("rpm", MetricDataType.Int32, 1500).alias(2L).timestamp(new Date(++clock)).properties(properties).createMetric());
      client.publishDeviceBirth(MOTOR, payload(motor));
      tell("/" + MOTOR, motor);
      born = true;
    } catch (Exception e) {
      e.printStackTrace();
    }
  }

  public void messageArrived(MqttServerName name, MqttServerUrl url, MqttClientId id, String topic, MqttMessage message) {
    try {
      if (topic.startsWith("spBv1.0/STATE/"))
        client.handleStateMessage(topic.substring(14), new com.fasterxml.jackson.databind.ObjectMapper().readValue(message.getPayload(), StatePayload.class));
      else if (topic.contains("/NCMD/")) {
        say("rebirth");
        client.handleRebirthRequest(true);
      }
    } catch (Exception e) {
      e.printStackTrace();
    }
  }

  public void shutdown() {}
  public void connectionLost(MqttServerName name, MqttServerUrl url, MqttClientId id, Throwable why) {}
  public void connectComplete(boolean again, MqttServerName name, MqttServerUrl url, MqttClientId id) {}

  // ---- commands

  private synchronized void command(String line) throws Exception {
    switch (line) {
      case "data": {
        List<Metric> all = every(1);
        client.publishDeviceData(EVERY, payload(all));
        tell("/" + EVERY, all);
        break;
      }
      case "alias": {
        List<Metric> told = new ArrayList<>();
        for (int i = 0; i < 3; ++i) {
          Metric metric = new MetricBuilder(2L, MetricDataType.Int32, 1501 + i).timestamp(new Date(++clock)).createMetric();
          client.publishDeviceData(MOTOR, payload(List.of(metric)));
          told.add(new MetricBuilder("rpm", MetricDataType.Int32, 1501 + i).timestamp(new Date(clock)).createMetric());
        }
        tell("/" + MOTOR, told);
        break;
      }
      case "death": client.publishDeviceDeath(MOTOR); break;
      case "leave": client.disconnect(true); Runtime.getRuntime().halt(0); break;
      case "die": Runtime.getRuntime().halt(0); break;
      default: throw new IllegalArgumentException(line);
    }
    say("done " + line);
  }

  public static void main(String[] args) throws Exception {
    System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8));
    Edge edge = new Edge(args[0], args[1]);
    new Thread(edge.client).start();
    while (!(edge.client.isConnected() && edge.born)) Thread.sleep(20);
    say("born");
    var input = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = input.readLine()) != null;) edge.command(line);
    Runtime.getRuntime().halt(0);
  }
}
