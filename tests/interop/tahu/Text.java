// SPDX-License-Identifier: Apache-2.0
// Tahu's values as one line of text, so that a test can compare them.
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.eclipse.tahu.message.model.DataSet;
import org.eclipse.tahu.message.model.File;
import org.eclipse.tahu.message.model.Metric;
import org.eclipse.tahu.message.model.Parameter;
import org.eclipse.tahu.message.model.PropertySet;
import org.eclipse.tahu.message.model.PropertyValue;
import org.eclipse.tahu.message.model.Row;
import org.eclipse.tahu.message.model.Template;
import org.eclipse.tahu.message.model.Value;

final class Text {
  private Text() {}

  static String of(Object value) {
    if (value == null) return "null";
    if (value instanceof Date) return Long.toString(((Date) value).getTime());
    if (value instanceof byte[]) return hex((byte[]) value);
    if (value instanceof File) return hex(((File) value).getBytes());
    if (value instanceof Value) return of(((Value<?>) value).getValue());
    if (value instanceof PropertyValue) return of(((PropertyValue<?>) value).getValue());
    if (value instanceof PropertySet) return of((PropertySet) value);
    if (value instanceof DataSet) return of((DataSet) value);
    if (value instanceof Template) return of((Template) value);
    if (value instanceof Double || value instanceof Float) return number(value.toString());
    if (!value.getClass().isArray()) return value.toString().replace("\n", "\\n");
    List<String> all = new ArrayList<>();
    for (int i = 0; i < Array.getLength(value); ++i) all.add(of(Array.get(value, i)));
    return "[" + String.join(",", all) + "]";
  }

  /** name datatype ms value {properties}, with marks for null and historical. */
  static String of(Metric metric) {
    StringBuilder out = new StringBuilder();
    out.append(metric.getName()).append(' ').append(metric.getDataType()).append(' ');
    out.append(metric.getTimestamp() == null ? "-" : Long.toString(metric.getTimestamp().getTime())).append(' ');
    out.append(of(metric.getValue()));
    if (Boolean.TRUE.equals(metric.isHistorical())) out.append(" historical");
    if (metric.getProperties() != null && !metric.getProperties().isEmpty()) out.append(' ').append(of(metric.getProperties()));
    return out.toString();
  }

  private static String of(PropertySet set) {
    Map<String, String> all = new TreeMap<>();
    for (String name : set.getNames()) all.put(name, set.getPropertyValue(name).getType() + ":" + of(set.getPropertyValue(name)));
    return all.toString().replace(", ", ",");
  }

  private static String of(DataSet set) {
    StringBuilder out = new StringBuilder("(" + String.join(",", set.getColumnNames()) + ")");
    for (Row row : set.getRows()) {
      List<String> cells = new ArrayList<>();
      for (Value<?> value : row.getValues()) cells.add(of(value));
      out.append('(').append(String.join(",", cells)).append(')');
    }
    return out.toString();
  }

  private static String of(Template template) {
    List<String> all = new ArrayList<>();
    for (Metric metric : template.getMetrics()) all.add(metric.getName() + ":" + metric.getDataType() + "=" + of(metric.getValue()));
    if (template.getParameters() != null)
      for (Parameter parameter : template.getParameters()) all.add(parameter.getName() + "=" + of(parameter.getValue()));
    return template.getTemplateRef() + "<" + String.join(",", all) + ">";
  }

  /** As C's %g with enough digits: 3 and not 3.0, 1e+300 and not 1.0E300. */
  private static String number(String text) {
    if (text.contains("N") || text.contains("I")) return text;
    BigDecimal number = new BigDecimal(text).stripTrailingZeros();
    int exponent = number.precision() - number.scale() - 1;
    return exponent >= -4 && exponent < 16 ? number.toPlainString() : number.toString().replace("E", "e");
  }

  private static String hex(byte[] bytes) {
    StringBuilder out = new StringBuilder();
    for (byte each : bytes) out.append(String.format("%02x", each));
    return out.toString();
  }
}
