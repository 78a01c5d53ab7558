#include "server/status_page.h"

#include <google/protobuf/util/json_util.h>
#include <openssl/sha.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/status_page_html.h"

namespace radio::server {
namespace {

// " 'sha256-...'" for each element of that name.
std::string Hashes(absl::string_view html, absl::string_view element) {
  const std::string opening = absl::StrCat("<", element, ">");
  const std::string closing = absl::StrCat("</", element, ">");
  std::string sources;
  for (size_t at = html.find(opening); at != absl::string_view::npos;
       at = html.find(opening, at + 1)) {
    const size_t begin = at + opening.size();
    const absl::string_view text = html.substr(begin, html.find(closing, begin) - begin);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
    const absl::string_view bytes(reinterpret_cast<const char*>(digest), sizeof(digest));
    absl::StrAppend(&sources, " 'sha256-", absl::Base64Escape(bytes), "'");
  }
  return sources;
}

std::string ToJson(const v1::ListModelsResponse& models) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails only for Any messages of unknown types, and there are none.
  (void)google::protobuf::util::MessageToJsonString(models, &json, options);
  return json;
}

}  // namespace

std::string PolicyOf(absl::string_view html) {
  return absl::StrCat("default-src 'none'; script-src", Hashes(html, "script"), "; style-src",
                      Hashes(html, "style"),
                      "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                      "frame-ancestors 'none'");
}

std::vector<Page> StatusPages(std::function<v1::ListModelsResponse()> models) {
  return {{"/", "text/html; charset=utf-8", PolicyOf(kStatusPageHtml),
           [] { return std::string(kStatusPageHtml); }},
          {"/models.json", "application/json", "default-src 'none'",
           [models = std::move(models)] { return ToJson(models()); }}};
}

}  // namespace radio::server
