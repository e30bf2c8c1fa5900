// SPDX-License-Identifier: Apache-2.0
// Identity as text: series names, asset keys, and the percent-encoding that keeps both unambiguous.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace twinpipe {

/// Encodes one level: '.', '/', '+', '#', '%' and control characters become %XX (RFC 3986 §2.1).
std::string encode_level(std::string_view level);
/// The way back. A '%' that no two hex digits follow is kept as it is.
std::string decode_level(std::string_view text);

/// "site/line/asset/sensor", each level encoded.
std::string series_name(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor);
/// The four levels, decoded; nothing when there are not exactly four.
std::optional<std::array<std::string, 4>> split_series_name(std::string_view name);

/// "site.line.asset", each level encoded: the Kafka key.
std::string asset_key(std::string_view site, std::string_view line, std::string_view asset);
/// The three levels, decoded; nothing when there are not exactly three.
std::optional<std::array<std::string, 3>> split_asset_key(std::string_view key);

/// Node-level metrics have no device: their asset is called this.
inline constexpr std::string_view kNodeAsset = "$node";

}  // namespace twinpipe
