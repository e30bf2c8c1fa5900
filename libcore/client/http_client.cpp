// SPDX-License-Identifier: Apache-2.0
// HTTP requests by libcurl's easy interface.
#include "client/http_client.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "io/fd.hpp"

namespace twinpipe {
namespace {

/// Once a process, and never ended: other threads may hold handles until the process ends.
bool initialized() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

long milliseconds(Nanos time) { return static_cast<long>(std::max<Nanos>(1, time / kMillisecond)); }

}  // namespace

struct HttpClient::Curl {
  CURL* handle = nullptr;
  curl_slist* headers = nullptr;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::string body;
  std::size_t limit = 0;

  ~Curl() {
    curl_slist_free_all(headers);
    if (handle != nullptr) curl_easy_cleanup(handle);
  }
  void header(const std::string& line) { headers = curl_slist_append(headers, line.c_str()); }
  static std::size_t take(char* bytes, std::size_t, std::size_t count, void* self) {
    auto& curl = *static_cast<Curl*>(self);
    curl.body.append(bytes, std::min(count, curl.limit - curl.body.size()));
    return count;
  }
};

Verdict verdict_of(int status) {
  switch (status) {
    case 408:
    case 409:
    case 425: return Verdict::again;
    case 401:
    case 403:
    case 407:
    case 429:
    case 503: return Verdict::wait;
    default: break;
  }
  if (status >= 200 && status < 300) return Verdict::done;
  return status >= 500 ? Verdict::again : Verdict::refused;
}

Status check_url(const std::string& url, bool with_token) {
  const bool tls = url.starts_with("https://");
  if (!tls && !url.starts_with("http://"))
    return Status::error(Code::usage, fmt::format("'{}' is not a URL that begins with http:// or https://", url));
  const std::size_t begin = url.find("//") + 2;
  const std::string authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  if (authority.empty()) return Status::error(Code::usage, fmt::format("'{}' names no host", url));
  if (authority.find('@') != authority.npos)
    return Status::error(Code::usage, "a URL on the command line must hold no password: use --token-file");
  const std::string host =
      authority.starts_with('[') ? authority.substr(0, authority.find(']') + 1) : authority.substr(0, authority.find(':'));
  const bool local = host == "localhost" || host == "127.0.0.1" || host == "[::1]";
  if (with_token && !tls && !local)
    return Status::error(Code::usage, "a token would travel in clear text over http://: use https://");
  return {};
}

std::string url_encoded(std::string_view text) {
  if (text.empty()) return {};  // libcurl would measure it
  const std::unique_ptr<char, decltype(&curl_free)> encoded(curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())),
                                                            &curl_free);
  return encoded.get();
}

HttpClient::HttpClient(HttpOptions options) : options_(std::move(options)), curl_(std::make_unique<Curl>()) {
  if (initialized()) curl_->handle = curl_easy_init();
}

HttpClient::~HttpClient() = default;

Status HttpClient::authorize() {
  if (options_.token_file.empty()) return {};
  Result<std::string> content = read_file(options_.token_file);
  if (!content.ok()) return content.status();
  const std::string token = content->substr(0, content->find_first_of("\r\n"));
  if (token.empty()) return Status::error(Code::bad_config, options_.token_file + ": no token in its first line");
  curl_->header("Authorization: Bearer " + token);
  return {};
}

Status HttpClient::prepare(const HttpRequest& request) {
  CURL* handle = curl_->handle;
  curl_slist_free_all(curl_->headers);
  curl_->headers = nullptr;
  curl_->body.clear();
  curl_->limit = options_.answer_limit;
  curl_->error[0] = '\0';
  curl_easy_reset(handle);  // the connection stays
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, curl_->error.data());
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options_.connect_timeout));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, milliseconds(options_.timeout));
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Curl::take);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, curl_.get());
  if (!options_.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
  if (!options_.certificate_file.empty()) curl_easy_setopt(handle, CURLOPT_SSLCERT, options_.certificate_file.c_str());
  if (!options_.key_file.empty()) curl_easy_setopt(handle, CURLOPT_SSLKEY, options_.key_file.c_str());
  if (request.once) curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
  curl_->header("Accept: application/json");
  if (request.method == "POST") {
    curl_->header("Content-Type: application/json");
    curl_->header("Expect:");  // 100-continue costs a round trip and confuses small servers
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  for (const std::string& line : request.headers) curl_->header(line);
  if (Status status = authorize(); !status.ok()) return status;
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, curl_->headers);
  return {};
}

Result<HttpAnswer> HttpClient::send(const HttpRequest& request) {
  if (curl_->handle == nullptr) return Status::error(Code::internal, "libcurl cannot be initialised");
  if (Status status = prepare(request); !status.ok()) return status;
  const CURLcode code = curl_easy_perform(curl_->handle);
  if (code != CURLE_OK) {
    const std::string why = curl_->error[0] != '\0' ? curl_->error.data() : curl_easy_strerror(code);
    return Status::error(Code::unavailable, fmt::format("{}: {}", request.url, why));
  }
  HttpAnswer answer;
  long status = 0;
  curl_off_t seconds = 0;
  curl_easy_getinfo(curl_->handle, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl_->handle, CURLINFO_RETRY_AFTER, &seconds);
  answer.status = static_cast<int>(status);
  answer.body = curl_->body;
  constexpr curl_off_t kLongest = 24 * 3600;  // a wrong clock over there must not silence us for ever
  if (seconds > 0) answer.retry_after = std::min(seconds, kLongest) * kSecond;
  return answer;
}

}  // namespace twinpipe
