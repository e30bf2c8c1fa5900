// SPDX-License-Identifier: Apache-2.0
// HTTP requests to one service, one at a time, over a connection that is kept: the only user of libcurl.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/courier.hpp"
#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

struct HttpOptions {
  std::string ca_file, certificate_file, key_file;  // PEM; without a CA file the system's are used
  /// Its first line is sent as "Authorization: Bearer …". Read before every request, so that a token can be renewed while we run.
  std::string token_file;
  std::string user_agent;
  Nanos connect_timeout = 10 * kSecond;  // DNS, TCP and TLS
  Nanos timeout = 30 * kSecond;          // of the whole request
  std::size_t answer_limit = 64 << 10;   // bytes of the body that are kept; the rest is read and forgotten
};

struct HttpRequest {
  std::string method = "POST";  // or GET
  std::string url;
  std::string body;                  // JSON; not sent with GET
  std::vector<std::string> headers;  // "Name: value"
  /// Sent at most once by a call of send(), over a connection of its own: on one that is kept, libcurl repeats a request by
  /// itself when it is closed before the first byte of an answer, a POST too.
  bool once = false;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::optional<Nanos> retry_after;  // what the header of that name says, from now on
};

/// What a status code says about sending the same request again:
///   done     2xx
///   again    408, 409 (the draft on idempotency keys: the first request is still being worked on), 425, 5xx but 503
///   wait     401, 403, 407, 429, 503: nothing is taken from us now; another token, or time, may change that
///   refused  everything else, redirects among it: the same request would fail again
Verdict verdict_of(int status);

/// "http://…" or "https://…" without user or password in it. A token goes over https:// only, or to this machine itself.
/// Errors: usage.
Status check_url(const std::string& url, bool with_token);

/// As a part of a URL, percent-encoded (RFC 3986).
std::string url_encoded(std::string_view text);

class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Redirects are not followed: a POST must not become a GET, nor a token go to somebody else. Errors: unavailable (no
  /// connection, TLS, a timeout, an answer that was cut: the service may have taken the request all the same), and those of
  /// reading the token file.
  Result<HttpAnswer> send(const HttpRequest& request);

 private:
  struct Curl;
  Status prepare(const HttpRequest& request);
  Status authorize();

  HttpOptions options_;
  std::unique_ptr<Curl> curl_;
};

}  // namespace twinpipe
