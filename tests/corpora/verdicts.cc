// What the decoder says to image files: reads their names from standard input and prints, for each,
//   NAME <tab> HEIGHTxWIDTH, or the reason of the refusal <tab> CPU milliseconds <tab> rise of the
//   peak memory in KiB
#include <sys/resource.h>
#include <time.h>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/errors.h"
#include "model/preprocess/image_decoder.h"

namespace {

std::vector<uint8_t> ReadFile(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string VerdictOn(const std::vector<uint8_t>& bytes) {
  const absl::StatusOr<radio::RgbImage> image =
      radio::DecodeImage(absl::MakeConstSpan(bytes), radio::DecodeLimits{});
  if (image.ok()) return absl::StrCat(image->size.height, "x", image->size.width);
  const std::optional<radio::Reason> reason = radio::ReasonOf(image.status());
  return reason.has_value() ? std::string(radio::InfoOf(*reason).name) : "NO_REASON";
}

int64_t CpuMilliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t PeakKib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

int main() {
  for (std::string name; std::getline(std::cin, name);) {
    const std::vector<uint8_t> bytes = ReadFile(name);
    const int64_t peak = PeakKib();
    const int64_t begun = CpuMilliseconds();
    const std::string verdict = VerdictOn(bytes);
    std::cout << name << '\t' << verdict << '\t' << CpuMilliseconds() - begun << '\t'
              << PeakKib() - peak << std::endl;
  }
}
