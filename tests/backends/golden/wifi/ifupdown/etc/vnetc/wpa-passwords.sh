# laptop: made by vnetc; change the spec, not this file.
# Copies a configuration of wpa_supplicant, with passwords in place of the files that they are in.
umask 077
while IFS= read -r line; do
    case $line in
    '  psk=file:'* | '  sae_password=file:'* | '  password=file:'* | '  private_key_passwd=file:'*)
        password=
        IFS= read -r password <"${line#*=file:}" || [ "$password" ] || exit 1
        quote='"'
        case $line:${#password}:$password in
        '  psk='*:64:*[!0-9A-Fa-f]*) ;;
        '  psk='*:64:*) quote= ;; # 64 hexadecimal digits are the key itself
        esac
        printf '%s=%s%s%s\n' "${line%%=file:*}" "$quote" "$password" "$quote"
        ;;
    *) printf '%s\n' "$line" ;;
    esac
done <"$1" >"$2"
