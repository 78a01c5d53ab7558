// generate {configuration DESCRIPTORS | errors | metrics}: prints that page of docs/.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "tools/docs/pages.h"

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  absl::StatusOr<std::string> page =
      absl::InvalidArgumentError("usage: generate {configuration DESCRIPTORS | errors | metrics}");
  if (name == "configuration" && argc == 3) {
    std::ifstream file(argv[2], std::ios::binary);
    page = radio::docs::ConfigurationPage(
        std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>()));
  }
  if (name == "errors") page = radio::docs::ErrorsPage();
  if (name == "metrics") page = radio::docs::MetricsPage();
  if (!page.ok()) {
    std::fprintf(stderr, "%s\n", std::string(page.status().message()).c_str());
    return 2;
  }
  std::fputs(page->c_str(), stdout);
  return 0;
}
