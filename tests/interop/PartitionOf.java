// SPDX-License-Identifier: Apache-2.0
// Prints "partition<TAB>key" for each key on standard input, as the partition that Kafka's own producer chose for it.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;

public class PartitionOf {
  public static void main(String[] args) throws Exception {
    int partitions;
    try (var admin = org.apache.kafka.clients.admin.Admin.create(java.util.Map.of("bootstrap.servers", args[0]))) {
      partitions = admin.describeTopics(List.of(args[1])).allTopicNames().get().get(args[1]).partitions().size();
    }
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String key; (key = in.readLine()) != null;) {
      int partition = org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey(key.getBytes(StandardCharsets.UTF_8), partitions);
      System.out.println(partition + "\t" + key);
    }
  }
}
