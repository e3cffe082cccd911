"""Run by a Python beside a netplan: asks its library which keys it knows, place by place.

Standard input is JSON: `library`, a path, and `words`, candidates. Standard output is a JSON list of
paths. A key is known where the parser does not call it unknown; below a key are keys if the parser
looks for some there: in a mapping, in the items of a list, in mappings under names of one's own.
"""

import ctypes
import json
import os
import sys

NONE = "no-such-key"
# how values hold further keys -> a value that holds one
SHAPES = {
    "": lambda keys: keys,
    "[]": lambda keys: [keys],
    "{}": lambda keys: {"x0": keys},
    "[]{}": lambda keys: [{"192.0.2.1/24": keys}],
}


class GError(ctypes.Structure):  # glib/gerror.h
    _fields_ = (
        ("domain", ctypes.c_uint32),
        ("code", ctypes.c_int),
        ("message", ctypes.c_char_p),
    )


class Netplan:
    def __init__(self, path):
        error = ctypes.POINTER(ctypes.POINTER(GError))
        self.library = ctypes.CDLL(path)
        self.library.netplan_parser_new.restype = ctypes.c_void_p
        self.library.netplan_parser_load_yaml_from_fd.argtypes = (
            ctypes.c_void_p,
            ctypes.c_int,
            error,
        )
        self.library.netplan_parser_clear.argtypes = (ctypes.POINTER(ctypes.c_void_p),)
        self.library.netplan_error_clear.argtypes = (error,)

    def complaint(self, document):
        """Give what the parser says of a document."""
        parser = ctypes.c_void_p(self.library.netplan_parser_new())
        error = ctypes.POINTER(GError)()
        file = os.memfd_create("document")
        os.write(file, json.dumps(document).encode())
        os.lseek(file, 0, os.SEEK_SET)
        self.library.netplan_parser_load_yaml_from_fd(parser, file, ctypes.byref(error))
        os.close(file)
        text = error.contents.message.decode(errors="replace") if error else ""
        if error:
            self.library.netplan_error_clear(ctypes.byref(error))
        self.library.netplan_parser_clear(ctypes.byref(parser))
        return text

    def knows(self, key, put, value):
        return f"unknown key '{key}'" not in self.complaint(put({key: value}))

    def paths(self, words, put, above=""):
        """Give the paths of all keys that may stand in a mapping, and below; `put` makes a document."""
        for word in words:
            if not self.knows(word, put, "x"):
                continue
            yield f"{above}{word}"
            for mark, shape in SHAPES.items():

                def below(keys, word=word, shape=shape):
                    return put({word: shape(keys)})

                if not self.knows(NONE, below, 1):
                    yield from self.paths(words, below, f"{above}{word}{mark}.")


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    netplan = Netplan(asked["library"])
    json.dump(list(netplan.paths(asked["words"], lambda keys: {"network": keys})), sys.stdout)
