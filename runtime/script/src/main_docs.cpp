// parley-docs ANNOTATIONS PAGE: writes docs/scripting/reference.md from schemas/lua.
#include "reference.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

int main(int argc, char** argv) {
    if (argc != 3) {
        fmt::print(stderr, "usage: parley-docs schemas/lua docs/scripting/reference.md\n");
        return 2;
    }
    const auto files = parley::script::read_all_annotations(argv[1]);
    if (!files) {
        for (const auto& fault : files.error())
            fmt::print(stderr, "parley-docs: {}\n", fault.text());
        return 1;
    }
    std::filesystem::create_directories(std::filesystem::path(argv[2]).parent_path());
    std::ofstream page(argv[2], std::ios::binary);
    page << parley::script::reference_page(*files);
    page.close();
    if (!page) {
        fmt::print(stderr, "parley-docs: {} cannot be written\n", argv[2]);
        return 1;
    }
    return 0;
}
