# A program that knows nothing of any hub: sh command.sh OUTCOME GATE
if [ "$1" = ignored ]; then
    trap '' TERM HUP
    setsid sleep 1000 &
fi
echo "copied 3/5 files"
read -r _ <"$2"
[ "$1" = fail ] && exit 3
echo "copied 5/5 files"
